-- sandpiper: id=add-pinned author=notes-team target-system=notes-db
-- apply
ALTER TABLE note ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
-- rollback
ALTER TABLE note DROP COLUMN pinned;
