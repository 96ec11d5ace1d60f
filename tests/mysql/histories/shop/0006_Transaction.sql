START TRANSACTION;
UPDATE customer SET name = 'One' WHERE id = 1;
INSERT INTO customer (email, name, level) VALUES ('NEW@Example.org', 'Ünï', 'regular');
SAVEPOINT a;
DELETE FROM customer;
ROLLBACK TO SAVEPOINT a;
COMMIT;
