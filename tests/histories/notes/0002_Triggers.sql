DROP TRIGGER IF EXISTS `note_touch`;

CREATE TRIGGER IF NOT EXISTS `note_touch`
AFTER
UPDATE
  ON `note` FOR EACH ROW WHEN new.body <> old.body BEGIN
UPDATE
  `note`
SET
  touched = touched + CASE WHEN new.body = '' THEN 0 ELSE 1 END
WHERE
  rowid = old.rowid;

END;

UPDATE note SET body = body || '!' WHERE id = 1;
