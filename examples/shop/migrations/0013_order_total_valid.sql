-- trek: lock-timeout 2s
-- Last step of four: VALIDATE reads the table while the shop sells; SET NOT NULL then believes the constraint and reads nothing.
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_known;
ALTER TABLE orders ALTER COLUMN total_cents SET NOT NULL;

-- trek: down
-- trek: lock-timeout 2s
-- A valid constraint cannot be made unproven again: it is made anew, as 0012 left it.
ALTER TABLE orders ALTER COLUMN total_cents DROP NOT NULL;
ALTER TABLE orders
    DROP CONSTRAINT orders_total_known,
    ADD CONSTRAINT orders_total_known CHECK (total_cents IS NOT NULL AND total_cents >= 0) NOT VALID;
