-- sandpiper: id=import-orders author="data team" target-system=shop-db
INSERT INTO orders (customer) VALUES ('ada'), ('grace');
