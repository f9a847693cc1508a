CREATE MATERIALIZED VIEW best_sellers AS
SELECT products.id AS product_id,
       products.sku,
       products.name,
       sum(order_lines.quantity) AS sold,
       sum(order_lines.line_cents) AS revenue_cents
FROM order_lines
JOIN orders ON orders.id = order_lines.order_id AND orders.status NOT IN ('cancelled', 'refunded')
JOIN products ON products.id = order_lines.product_id
GROUP BY products.id;

-- REFRESH … CONCURRENTLY needs it.
CREATE UNIQUE INDEX best_sellers_product ON best_sellers (product_id);

-- trek: down
DROP MATERIALIZED VIEW best_sellers;
