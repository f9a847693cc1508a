-- trek: requires 0013
-- Marketing's branch. A product has one discount at a time: a range of one number stands in for `product_id WITH =`, which
-- would need an extension.
CREATE TABLE discounts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products ON DELETE CASCADE,
    percent    integer NOT NULL CHECK (percent BETWEEN 1 AND 90),
    during     tstzrange NOT NULL CHECK (NOT isempty(during)),
    CONSTRAINT discounts_one_at_a_time
        EXCLUDE USING gist (int8range(product_id, product_id, '[]') WITH =, during WITH &&)
);

-- trek: down
DROP TABLE discounts;
