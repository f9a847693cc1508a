-- What happened to an order, and when. Grows faster than anything else here, hence a partition a year.
CREATE TABLE order_events (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    status   order_status NOT NULL,
    PRIMARY KEY (order_id, at)
) PARTITION BY RANGE (at);

DO $$
BEGIN
    FOR year IN 2024..2027 LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF order_events FOR VALUES FROM (%L) TO (%L)',
            'order_events_' || year, year || '-01-01 00:00+00', year + 1 || '-01-01 00:00+00'
        );
    END LOOP;
END;
$$;

-- Should nobody think of 2028 in time.
CREATE TABLE order_events_rest PARTITION OF order_events DEFAULT;

INSERT INTO order_events (order_id, at, status) SELECT id, placed_at, status FROM orders;

CREATE FUNCTION log_order_event() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO order_events (order_id, status) VALUES (NEW.id, NEW.status);
    RETURN NULL;
END;
$$;

CREATE TRIGGER orders_log_placed AFTER INSERT ON orders
    FOR EACH ROW EXECUTE FUNCTION log_order_event();
CREATE TRIGGER orders_log_status AFTER UPDATE OF status ON orders
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_order_event();
