-- trek: lock-timeout 2s
ALTER TABLE customers ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE products ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();  -- one time for all that a transaction changed
    RETURN NEW;
END;
$$;

CREATE TRIGGER customers_touch BEFORE UPDATE ON customers
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch();
CREATE TRIGGER products_touch BEFORE UPDATE ON products
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch();

-- trek: down
-- trek: lock-timeout 2s
DROP TRIGGER products_touch ON products;
DROP TRIGGER customers_touch ON customers;
DROP FUNCTION touch();
ALTER TABLE products DROP COLUMN updated_at;
ALTER TABLE customers DROP COLUMN updated_at;
