-- trek: lock-timeout 2s
-- First step of four (0010 to 0013). New orders count from 0; those that exist stay NULL, which is how 0011 finds them.
ALTER TABLE orders ADD COLUMN total_cents bigint;
ALTER TABLE orders ALTER COLUMN total_cents SET DEFAULT 0;

CREATE FUNCTION keep_order_total() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        UPDATE orders SET total_cents = total_cents - OLD.line_cents WHERE id = OLD.order_id;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        UPDATE orders SET total_cents = total_cents + NEW.line_cents WHERE id = NEW.order_id;
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER order_lines_keep_total AFTER INSERT OR UPDATE OR DELETE ON order_lines
    FOR EACH ROW EXECUTE FUNCTION keep_order_total();

-- trek: down
-- trek: lock-timeout 2s
DROP TRIGGER order_lines_keep_total ON order_lines;
DROP FUNCTION keep_order_total();
ALTER TABLE orders DROP COLUMN total_cents;
