CREATE TABLE setting (
  account_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  [value] TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (account_id, "key")
) WITHOUT ROWID;
INSERT INTO setting VALUES (1, 'theme', '{"color": "dark", "sizes": [1, 2, 3]}');
INSERT INTO setting
  SELECT id, 'locale', json_object('language', 'en', 'email', email) FROM account WHERE true
  ON CONFLICT ("key", account_id) DO NOTHING;
