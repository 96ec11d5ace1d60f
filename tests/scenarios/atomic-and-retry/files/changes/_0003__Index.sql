-- sandpiper: id=index-orders author=shop-team target-system=shop-db
CREATE INDEX orders_by_customer ON orders (customer);
