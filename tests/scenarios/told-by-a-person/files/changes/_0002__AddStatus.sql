-- sandpiper: id=add-status author=me target-system=shop-db
CREATE TABLE status (id INTEGER PRIMARY KEY);
