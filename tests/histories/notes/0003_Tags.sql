CREATE TABLE tag (
  account_id INTEGER NOT NULL REFERENCES account(id),
  name TEXT NOT NULL COLLATE NOCASE,
  UNIQUE(account_id, name)
);
CREATE INDEX idx_tag_name ON tag (name);
CREATE UNIQUE INDEX idx_account_lower_email ON account (lower(email)) WHERE kind = 'OWNER';
INSERT OR IGNORE INTO tag VALUES (1, 'Todo'), (1, 'todo'), (2, 'todo');
