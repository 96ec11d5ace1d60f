-- sandpiper: id=add-price author=shop target-system=shop-db
-- apply
ALTER TABLE items ADD COLUMN price INTEGER;
-- rollback
ALTER TABLE items DROP COLUMN price;
