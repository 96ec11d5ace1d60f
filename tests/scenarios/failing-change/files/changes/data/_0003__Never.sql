-- sandpiper: id=never author=backend-team target-system=shop-db
DELETE FROM orders;
