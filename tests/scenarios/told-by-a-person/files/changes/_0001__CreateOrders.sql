-- sandpiper: id=create-orders author=me target-system=shop-db
-- apply
CREATE TABLE orders (id INTEGER PRIMARY KEY);
-- verify
SELECT count(*) = 1 FROM sqlite_master WHERE name = 'orders';
