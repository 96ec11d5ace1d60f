-- sandpiper: id=create-countries author=shop-team target-system=shop-db
-- apply
CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT NOT NULL, vat REAL);
-- rollback
DROP TABLE countries;
