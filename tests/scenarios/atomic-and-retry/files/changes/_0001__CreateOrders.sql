-- sandpiper: id=create-orders author=shop-team target-system=shop-db
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL);
