CREATE TABLE refunds (
    order_id     bigint PRIMARY KEY REFERENCES orders ON DELETE CASCADE,
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    refunded_at  timestamptz NOT NULL DEFAULT now()
);

-- Until today a refund was written down as "cancelled, although it was paid".
WITH refunded AS (
    UPDATE orders SET status = 'refunded'
    WHERE status = 'cancelled' AND paid_at IS NOT NULL
    RETURNING id, total_cents
)
INSERT INTO refunds (order_id, amount_cents) SELECT id, total_cents FROM refunded;

-- trek: down
UPDATE orders SET status = 'cancelled' WHERE status = 'refunded';
DROP TABLE refunds;
