CREATE TABLE favorites (
  user_uuid TEXT NOT NULL REFERENCES users(uuid),
  item_uuid TEXT NOT NULL REFERENCES items(uuid),

  PRIMARY KEY (user_uuid, item_uuid)
);

-- What was a column becomes rows.
INSERT INTO favorites(user_uuid, item_uuid)
SELECT user_uuid, uuid
FROM items
WHERE favorite = 1
  AND user_uuid IS NOT NULL;

-- The column goes as SQLite's manual says; steps 1 and 2 are not for this file:
--
-- 1. `PRAGMA foreign_keys=OFF` does nothing within a transaction;
-- 2. BEGIN; has been done.

-- 4. A new table of the form that is wanted.
CREATE TABLE new_items(
  uuid          TEXT     NOT NULL PRIMARY KEY,
  user_uuid     TEXT     REFERENCES users(uuid),
  type          INTEGER  NOT NULL,
  name          TEXT     NOT NULL,
  data          TEXT     NOT NULL
);

-- 5. What is in the old one.
INSERT INTO new_items(uuid, user_uuid, type, name, data)
SELECT uuid, user_uuid, type, name, data
FROM items;

-- 6. The old one goes.
DROP TABLE items;

-- 7. The new one takes its name.
ALTER TABLE new_items RENAME TO items;

-- 11. COMMIT;
