# adds a column where it is missing, as tools write it that have no IF in scripts
SET @missing := (SELECT COUNT(*) = 0 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'customer' AND column_name = 'phone');
SET @statement := IF(@missing, 'ALTER TABLE customer ADD COLUMN phone VARCHAR(30) NULL AFTER name', 'SELECT 1');
PREPARE statement FROM @statement;
EXECUTE statement;
DEALLOCATE PREPARE statement;
