-- sandpiper: id=fill-status author=orders-team target-system=orders-db
-- apply
UPDATE orders SET status = 'small' WHERE amount_cents < 1000;
UPDATE orders SET status = 'normal' WHERE amount_cents >= 1000;
-- rollback
UPDATE orders SET status = NULL;
