-- sandpiper: id=first-settings author=ada target-system=shop-db
-- apply
INSERT INTO settings VALUES ('shop', '${var:tenant}'), ('plan', '${var:plan}');
-- rollback
DELETE FROM settings WHERE name IN ('shop', 'plan');
