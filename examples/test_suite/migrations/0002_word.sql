ALTER TABLE guests ADD COLUMN word text NOT NULL DEFAULT '';

-- trek: down
ALTER TABLE guests DROP COLUMN word;
