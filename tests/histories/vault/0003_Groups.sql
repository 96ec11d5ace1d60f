CREATE TABLE groups (
	uuid	TEXT NOT NULL PRIMARY KEY,
	name	TEXT NOT NULL
);
CREATE TABLE group_members (
	group_uuid	TEXT NOT NULL REFERENCES groups(uuid),
	user_uuid	TEXT NOT NULL REFERENCES users(uuid),
	read_only	BOOLEAN NOT NULL DEFAULT TRUE,

	PRIMARY KEY (group_uuid, user_uuid)
);
INSERT INTO groups VALUES ('g-1', 'all of us');
INSERT INTO group_members (group_uuid, user_uuid) SELECT 'g-1', uuid FROM users;
