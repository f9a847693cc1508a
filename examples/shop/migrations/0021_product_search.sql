-- trek: lock-timeout 2s
/* The words of name and SKU. 'simple' knows no language, /* so it drops no word */ and finds "the" as well. */
ALTER TABLE products ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', sku), 'B')
) STORED;

-- trek: down
-- trek: lock-timeout 2s
ALTER TABLE products DROP COLUMN search;
