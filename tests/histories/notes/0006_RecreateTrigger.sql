DROP TRIGGER IF EXISTS note_touch;
CREATE TRIGGER note_touch AFTER UPDATE OF body ON note BEGIN
  -- one more; statement
  UPDATE note SET touched = touched + 1 WHERE id = old.id;
  INSERT INTO tag SELECT new.account_id, 'edited' WHERE NOT EXISTS (
    SELECT 1 FROM tag WHERE account_id = new.account_id AND name = 'edited'
  );
END;
UPDATE note SET body = upper(body) WHERE id = 2;
