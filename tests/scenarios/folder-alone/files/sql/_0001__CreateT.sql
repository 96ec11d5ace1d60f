-- sandpiper: id=create-t author=me target-system=sqlite:app.db
CREATE TABLE t (id INTEGER PRIMARY KEY);
