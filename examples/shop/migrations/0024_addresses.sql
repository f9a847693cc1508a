CREATE TABLE addresses (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    lines       text NOT NULL,
    country     text NOT NULL CHECK (country ~ '^[A-Z]{2}$')
);

CREATE INDEX addresses_customer ON addresses (customer_id);

-- The web servers say who is asking: SET LOCAL shop.customer = '42'. Who says nothing sees nothing.
ALTER TABLE addresses ENABLE ROW LEVEL SECURITY;
CREATE POLICY addresses_own ON addresses
    USING (customer_id = nullif(current_setting('shop.customer', true), '')::bigint);

-- trek: down
DROP TABLE addresses;
