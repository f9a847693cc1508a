CREATE TABLE customers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text NOT NULL,
    full_name  text NOT NULL CHECK (full_name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One account an address, however it is spelled.
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));

COMMENT ON TABLE customers IS 'Who buys; guests too, known by their e-mail address';

-- trek: down
DROP TABLE customers;
