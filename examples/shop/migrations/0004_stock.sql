CREATE TABLE stock (
    product_id bigint PRIMARY KEY REFERENCES products ON DELETE CASCADE,
    on_hand    integer NOT NULL DEFAULT 0 CHECK (on_hand >= 0)
);

-- trek: down
DROP TABLE stock;
