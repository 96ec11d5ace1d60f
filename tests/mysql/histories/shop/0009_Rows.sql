INSERT INTO customer (email, name, created_at) VALUES ('many@example.org', 'a;b', '2026-03-04'), ("double@example.org", "it's ""x""; -- y", '2026-03-04');
UPDATE customer SET name = CONCAT(name, 5--1), updated_at = NULL WHERE email LIKE 'many%';
DELETE FROM customer WHERE email = 'nobody';
