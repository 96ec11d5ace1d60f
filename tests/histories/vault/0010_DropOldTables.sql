DROP TABLE IF EXISTS never_was;
DROP TABLE favorites;
CREATE TABLE archives (
  user_uuid TEXT NOT NULL REFERENCES users (uuid) ON DELETE CASCADE,
  item_uuid TEXT NOT NULL REFERENCES items (uuid) ON DELETE CASCADE,
  archived_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_uuid, item_uuid)
) STRICT
;
