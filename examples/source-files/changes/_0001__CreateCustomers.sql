-- sandpiper: id=create-customers author=shop-team target-system=shop-db
-- apply
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, city TEXT);
INSERT INTO customers (name, address) VALUES
    ('Ada Dunlin', 'Marsh Lane 4, 26721 Emden'),
    ('Ben Knot', 'Am Deich 17, 26506 Norden'),
    ('Cleo Ruff', 'Harbour');
-- rollback
DROP TABLE customers;
