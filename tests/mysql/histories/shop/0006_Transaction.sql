START TRANSACTION;
UPDATE customer SET name = 'One', updated_at = '2026-02-03 00:00:00' WHERE id = 0;
INSERT INTO customer (email, name, level, created_at) VALUES ('NEW@Example.org', 'Ünï', 'regular', '2026-02-03');
SAVEPOINT a;
DELETE FROM customer;
ROLLBACK TO SAVEPOINT a;
COMMIT;
