-- sandpiper: id=create-notes author=notes-team target-system=notes-db
-- apply
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
-- rollback
DROP TABLE note;
