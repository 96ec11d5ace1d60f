-- sandpiper: id=create-items author=shop-team target-system=shop-db
CREATE TABLE items (id INTEGER PRIMARY KEY);
-- rollback
DROP TABLE items;
