CREATE TABLE events (id INTEGER PRIMARY KEY, what TEXT NOT NULL, detail ANY);
CREATE TEMP TABLE kinds AS SELECT 'created' AS what UNION ALL SELECT 'deleted';
INSERT INTO events (what) SELECT what FROM kinds ORDER BY what;
DROP TABLE kinds;
CREATE TRIGGER items_deleted AFTER DELETE ON items FOR EACH ROW WHEN old.user_uuid IS NULL
BEGIN
  INSERT INTO events (what, detail) VALUES ('deleted', old.name);
  SELECT CASE WHEN (SELECT count(*) FROM events) > 100 THEN RAISE(ABORT, 'too many; stop') END;
END;
DELETE FROM items WHERE user_uuid IS NULL;
