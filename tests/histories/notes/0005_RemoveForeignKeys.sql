PRAGMA foreign_keys = off;

ALTER TABLE note RENAME TO _note_old;
CREATE TABLE note (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  touched BIGINT NOT NULL DEFAULT 0,
  body TEXT NOT NULL DEFAULT '',
  visible TEXT NOT NULL CHECK (visible IN ('PUBLIC', 'PRIVATE')) DEFAULT 'PRIVATE'
);
INSERT INTO note (id, account_id, touched, body) SELECT id, account_id, touched, body FROM _note_old;
DROP TABLE _note_old;

ALTER TABLE tag RENAME TO _tag_old;
CREATE TABLE tag (account_id INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE, UNIQUE(account_id, name));
INSERT INTO tag SELECT * FROM _tag_old;
DROP TABLE _tag_old;
