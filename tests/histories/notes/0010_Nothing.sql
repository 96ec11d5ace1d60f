-- This was for another database; nothing is left of it here.
/* CREATE TABLE never (id INTEGER); */
