-- sandpiper: id=create-orders author=ada target-system=shop-db
-- apply
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total INTEGER NOT NULL);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
-- rollback
DROP TABLE settings;
DROP TABLE orders;
