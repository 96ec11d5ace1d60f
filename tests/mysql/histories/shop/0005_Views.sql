CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW customers_of_note AS
SELECT c.id, c.email, CASE c.level WHEN 'new' THEN 0 ELSE 1 END AS is_known
FROM customer c
WHERE c.email <> ';' -- not this one;
  AND c.name IS NOT NULL;
ALTER TABLE purchase
  ADD COLUMN gross DECIMAL(12,2) AS (ROUND(total * 1.19, 2)) PERSISTENT,
  ADD INDEX purchase_total (total),
  ADD FULLTEXT KEY purchase_extra (extra);
