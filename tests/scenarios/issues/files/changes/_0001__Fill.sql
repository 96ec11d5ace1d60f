-- sandpiper: id=fill author=data-team target-system=shop-db transactional=false
CREATE TABLE filled (id INTEGER PRIMARY KEY);
INSERT INTO filled VALUES (1);
INSERT INTO missing VALUES (2);
INSERT INTO filled VALUES (3);
