create virtual table note_text using fts5(body, content='note', content_rowid='id', tokenize='trigram');

insert into note_text(rowid, body) select id, body from note;

-- keep it up to date
CREATE TRIGGER note_text_insert AFTER INSERT ON note BEGIN
  INSERT INTO note_text(rowid, body) VALUES (new.id, new.body);
END;

CREATE TRIGGER note_text_delete AFTER DELETE ON note BEGIN
  INSERT INTO note_text(note_text, rowid, body) VALUES('delete', old.id, old.body);
END;

INSERT INTO note (account_id, body) VALUES (2, 'größer ✓ suchen');
