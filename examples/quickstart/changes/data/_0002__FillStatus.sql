-- sandpiper: id=fill-status author=orders-team target-system=orders-db
-- The column is called `status`: this change fails, and nothing of it is left behind.
-- apply
UPDATE orders SET status = 'small' WHERE amount_cents < 1000;
UPDATE orders SET statsu = 'normal' WHERE amount_cents >= 1000;
-- rollback
UPDATE orders SET status = NULL;
