-- sandpiper: id=create-products author=shop-team target-system=shop-db
-- apply
CREATE TABLE products (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(10, 2) NOT NULL);
-- rollback
DROP TABLE products;
