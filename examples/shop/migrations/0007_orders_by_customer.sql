-- "My orders", newest first. The shop goes on selling while this is built: trek sees the word and runs it outside a transaction.
CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer_id, placed_at DESC);

-- trek: down
DROP INDEX CONCURRENTLY orders_by_customer;
