-- trek: lock-timeout 2s
-- Third step of four: from here on no order is without a total. NOT VALID looks at no old row, so the lock is short.
ALTER TABLE orders
    ADD CONSTRAINT orders_total_known CHECK (total_cents IS NOT NULL AND total_cents >= 0) NOT VALID;

-- trek: down
-- trek: lock-timeout 2s
ALTER TABLE orders DROP CONSTRAINT orders_total_known;
