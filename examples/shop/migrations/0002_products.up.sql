CREATE TABLE categories (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE products (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku         text NOT NULL UNIQUE CHECK (sku ~ '^[A-Z]{3}-[0-9]{3}$'),
    name        text NOT NULL,
    category_id bigint NOT NULL REFERENCES categories,
    price_cents integer NOT NULL CHECK (price_cents > 0)
);

CREATE INDEX products_category ON products (category_id);

COMMENT ON COLUMN products.price_cents IS 'What it costs today; an order keeps the price of its day';
