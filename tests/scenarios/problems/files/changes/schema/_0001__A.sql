-- sandpiper: id=a target-system=shop-db
CREATE TABLE a (id INTEGER);
