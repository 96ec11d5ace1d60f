ALTER TABLE devices RENAME COLUMN type TO atype;
ALTER TABLE items RENAME COLUMN type TO atype;
ALTER TABLE users RENAME COLUMN "salt" TO "client_salt";
