DROP PROCEDURE IF EXISTS close_month;
DELIMITER $$

CREATE PROCEDURE close_month(IN wanted DATE, OUT closed INT)
    READS SQL DATA
    COMMENT 'sums; and counts'
main: BEGIN
    DECLARE done BOOLEAN DEFAULT FALSE;
    DECLARE one INT;
    DECLARE sum_of_all DECIMAL(12,2) DEFAULT 0;
    DECLARE purchases CURSOR FOR SELECT id FROM purchase WHERE total > 0;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
        GET DIAGNOSTICS CONDITION 1 @text = MESSAGE_TEXT;
        ROLLBACK;
        RESIGNAL;
    END;

    SET closed = 0;
    IF wanted IS NULL THEN
        LEAVE main;
    END IF;
    OPEN purchases;
    each_one: LOOP
        FETCH purchases INTO one;
        IF done THEN LEAVE each_one; END IF;
        CASE
            WHEN one > 100 THEN SET closed = closed + 1;
            WHEN one = 0 THEN ITERATE each_one;
            ELSE BEGIN END;
        END CASE;
    END LOOP each_one;
    CLOSE purchases;
    WHILE closed > 1000 DO SET closed = closed - 1; END WHILE;
    REPEAT SET closed = closed + 1; UNTIL closed > 0 END REPEAT;
END$$

CREATE FUNCTION level_of(total DECIMAL(12,2)) RETURNS VARCHAR(20) CHARSET utf8mb4 DETERMINISTIC
RETURN CASE WHEN total > 1000 THEN 'gold' WHEN total > 100 THEN 'regular' ELSE IF(total > 0, 'new', REPEAT('x', 2)) END$$

DELIMITER ;
