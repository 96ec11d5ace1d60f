-- sandpiper: id=create-orders author=orders-team target-system=orders-db
-- apply
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    amount_cents INTEGER NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer);
-- rollback
DROP TABLE orders;
