-- the people who write
CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at BIGINT NOT NULL DEFAULT (strftime('%s', '2021-05-01')),
  email TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('OWNER', 'MEMBER')) DEFAULT 'MEMBER'
);

-- what they write
CREATE TABLE note (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  touched BIGINT NOT NULL DEFAULT 0,
  body TEXT NOT NULL DEFAULT '',
  FOREIGN KEY(account_id) REFERENCES account(id) ON DELETE CASCADE
);

INSERT INTO account (email, kind) VALUES ('ada@example.org', 'OWNER'), ('grace@example.org', 'MEMBER');
INSERT INTO note (account_id, body) VALUES (1, 'semicolons; in; text'), (2, 'it''s "quoted" -- and no comment');
