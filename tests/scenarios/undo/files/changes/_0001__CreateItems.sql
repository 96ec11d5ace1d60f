-- sandpiper: id=create-items author=shop target-system=shop-db
-- apply
CREATE TABLE items (id INTEGER PRIMARY KEY);
-- rollback
DROP TABLE items;
