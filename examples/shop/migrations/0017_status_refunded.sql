-- A file of its own: a new value can be used only after the transaction that added it, so 0018 uses it.
ALTER TYPE order_status ADD VALUE 'refunded' AFTER 'shipped';

-- trek: down
-- trek: lock-timeout 2s
-- PostgreSQL cannot take a value out of an enum: the type is made anew without it. This rewrites orders.
UPDATE orders SET status = 'cancelled' WHERE status = 'refunded';

ALTER TYPE order_status RENAME TO order_status_with_refunded;
CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');
ALTER TABLE orders
    ALTER COLUMN status DROP DEFAULT,
    ALTER COLUMN status TYPE order_status USING status::text::order_status,
    ALTER COLUMN status SET DEFAULT 'new';
DROP TYPE order_status_with_refunded;
