-- An order takes its goods from the shelf in the same transaction, or there is no order.
CREATE FUNCTION take_stock() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $body$
BEGIN
    UPDATE stock SET on_hand = on_hand - NEW.quantity
    WHERE product_id = NEW.product_id AND on_hand >= NEW.quantity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'product % is sold out; % were wanted', NEW.product_id, NEW.quantity
            USING ERRCODE = 'check_violation', HINT = $hint$Offer the customer's second choice.$hint$;
    END IF;
    RETURN NULL;
END;
$body$;

CREATE TRIGGER order_lines_take_stock AFTER INSERT ON order_lines
    FOR EACH ROW EXECUTE FUNCTION take_stock();

-- trek: down
DROP TRIGGER order_lines_take_stock ON order_lines;
DROP FUNCTION take_stock();
