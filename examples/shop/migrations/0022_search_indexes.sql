-- trek: no-transaction
-- Several statements, none of which may hold up the shop: each runs by itself, and trek notes how far it came.
CREATE INDEX CONCURRENTLY products_search ON products USING gin (search);
CREATE INDEX CONCURRENTLY reviews_newest ON reviews (product_id, written_at DESC);
ANALYZE products;

-- trek: down
-- trek: no-transaction
DROP INDEX CONCURRENTLY reviews_newest;
DROP INDEX CONCURRENTLY products_search;
