-- sandpiper: id=fill-status author=backend-team target-system=shop-db
-- The column is called `status`.
UPDATE orders SET status = 'seen' WHERE id = 1;
UPDATE orders
   SET statsu = 'open';
