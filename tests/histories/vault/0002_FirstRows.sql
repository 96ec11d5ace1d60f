INSERT INTO users VALUES ('u-1', '2018-01-14 17:16:11', 'ada@example.org', x'0102', x'03');
INSERT INTO users (uuid, created_at, email, password_hash) VALUES ('u-2', '2018-02-17 20:57:53', 'grace@example.org', X'ff');
INSERT INTO devices VALUES ('d-1', '2018-01-14 17:16:11', 'u-1', 'laptop', 3), ('d-2', '2018-02-17', 'u-2', 'phone; old', 1);
INSERT INTO items VALUES ('i-1', 'u-1', 1, 'mail', 1, '{"a": ";"}'), ('i-2', NULL, 2, 'shared', 0, '{}');
