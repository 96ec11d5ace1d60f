RENAME TABLE log TO history, purchase TO orders;
ALTER TABLE history CHANGE what happened TEXT CHARACTER SET utf8mb4, ENGINE=InnoDB;
DROP TRIGGER IF EXISTS purchase_more;
