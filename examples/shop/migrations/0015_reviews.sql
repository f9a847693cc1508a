-- trek: requires 0013
-- The storefront team's branch: it knows nothing of 0014 and does not need it.
CREATE TABLE reviews (
    product_id  bigint NOT NULL REFERENCES products ON DELETE CASCADE,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    stars       smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    words       text NOT NULL DEFAULT '',
    written_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, customer_id)
);

-- trek: down
DROP TABLE reviews;
