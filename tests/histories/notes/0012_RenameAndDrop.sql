DROP VIEW note_of_account;
ALTER TABLE setting RENAME TO account_setting;
ALTER TABLE account RENAME COLUMN kind TO role;
ALTER TABLE account DROP COLUMN nickname;
UPDATE account SET role = 'ADMIN' WHERE role IN (SELECT role FROM account WHERE role = 'OWNER');
DELETE FROM tag WHERE rowid NOT IN (SELECT min(rowid) FROM tag GROUP BY account_id);
