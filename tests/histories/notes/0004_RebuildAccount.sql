PRAGMA foreign_keys = off;

DROP TABLE IF EXISTS _account_old;

ALTER TABLE
  account RENAME TO _account_old;

CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at BIGINT NOT NULL DEFAULT (strftime('%s', '2021-05-01')),
  email TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('OWNER', 'ADMIN', 'MEMBER')) DEFAULT 'MEMBER',
  nickname TEXT NOT NULL DEFAULT ''
);

INSERT INTO
  account (id, created_at, email, kind)
SELECT
  *
FROM
  _account_old;

DROP TABLE IF EXISTS _account_old;

-- What refers to it refers to `_account_old` by now, and is made anew too.
ALTER TABLE
  note RENAME TO _note_old;

CREATE TABLE note (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  touched BIGINT NOT NULL DEFAULT 0,
  body TEXT NOT NULL DEFAULT '',
  FOREIGN KEY(account_id) REFERENCES account(id) ON DELETE CASCADE
);

INSERT INTO
  note
SELECT
  *
FROM
  _note_old;

DROP TABLE IF EXISTS _note_old;

ALTER TABLE tag RENAME TO _tag_old;

CREATE TABLE tag (
  account_id INTEGER NOT NULL REFERENCES account(id),
  name TEXT NOT NULL COLLATE NOCASE,
  UNIQUE(account_id, name)
);

INSERT INTO tag SELECT * FROM _tag_old;

DROP TABLE _tag_old;

PRAGMA foreign_keys = on;
