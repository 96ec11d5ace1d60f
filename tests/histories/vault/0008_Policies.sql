CREATE TABLE policies (
  uuid       TEXT    NOT NULL PRIMARY KEY,
  group_uuid TEXT    NOT NULL REFERENCES groups (uuid),
  atype      INTEGER NOT NULL,
  enabled    BOOLEAN NOT NULL,
  data       TEXT    NOT NULL,

  UNIQUE (group_uuid, atype)
);
INSERT INTO policies VALUES ('p-1', 'g-1', 1, 0, '{}');
INSERT INTO policies VALUES ('p-2', 'g-1', 1, 1, '{"again": true}')
  ON CONFLICT (group_uuid, atype) DO UPDATE SET enabled = excluded.enabled, data = excluded.data;
REPLACE INTO policies VALUES ('p-1', 'g-1', 2, 1, '[]');
