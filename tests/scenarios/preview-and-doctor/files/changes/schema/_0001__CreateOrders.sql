-- sandpiper: id=create-orders author=backend-team target-system=shop-db
-- apply
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL);
CREATE INDEX orders_by_customer ON orders (customer);
-- rollback
DROP TABLE orders;
