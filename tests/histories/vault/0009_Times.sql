UPDATE devices SET created_at = CASE
    WHEN length(created_at) = 10 THEN created_at || ' 00:00:00'
    ELSE created_at
  END;
CREATE INDEX devices_by_day ON devices (substr(created_at, 1, 10)) WHERE atype > 0;
