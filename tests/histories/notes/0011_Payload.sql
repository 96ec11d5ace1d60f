ALTER TABLE note ADD COLUMN payload TEXT NOT NULL DEFAULT '{}';
UPDATE note SET payload = json_set(payload, '$.length', length(body), '$.pinned', json('false'));
CREATE INDEX idx_note_length ON note (json_extract(payload, '$.length'));
ALTER TABLE note ADD COLUMN words INTEGER GENERATED ALWAYS AS (length(body) - length(replace(body, ' ', '')) + 1) VIRTUAL;
