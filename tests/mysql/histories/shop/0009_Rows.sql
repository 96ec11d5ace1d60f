INSERT INTO customer (email, name) VALUES ('many@example.org', 'a;b'), ("double@example.org", "it's ""x""; -- y");
UPDATE customer SET name = CONCAT(name, 5--1) WHERE email LIKE 'many%';
DELETE FROM customer WHERE email = 'nobody';
