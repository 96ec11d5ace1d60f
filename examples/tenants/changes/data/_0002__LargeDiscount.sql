-- sandpiper: id=large-discount author=ada target-system=shop-db when="plan == large"
-- apply
INSERT INTO settings VALUES ('discount', '10');
-- rollback
DELETE FROM settings WHERE name = 'discount';
