CREATE VIEW note_of_account AS
  WITH named AS (SELECT id, coalesce(nullif(nickname, ''), email) AS who FROM account)
  SELECT note.id AS note, named.who AS who FROM note JOIN named ON named.id = note.account_id;
CREATE TRIGGER note_of_account_insert INSTEAD OF INSERT ON note_of_account BEGIN
  INSERT INTO note (account_id, body) SELECT id, new.note FROM account WHERE email = new.who;
END;
INSERT INTO note_of_account VALUES ('through the view', 'ada@example.org');
