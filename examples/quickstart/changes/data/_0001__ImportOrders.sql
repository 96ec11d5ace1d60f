-- sandpiper: id=import-orders author=orders-team target-system=orders-db
INSERT INTO orders (customer, amount_cents) VALUES ('Ada', 1250), ('GRACE', 9900), ('Åsa', 400), ('edsger', 870);
