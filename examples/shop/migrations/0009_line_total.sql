-- trek: lock-timeout 2s
-- A stored generated column rewrites the table: seconds while order_lines is small, and a queue behind it if it must wait for
-- its lock. So it waits two seconds at most.
ALTER TABLE order_lines
    ADD COLUMN line_cents bigint NOT NULL GENERATED ALWAYS AS (quantity::bigint * unit_cents) STORED;

-- trek: down
-- trek: lock-timeout 2s
ALTER TABLE order_lines DROP COLUMN line_cents;
