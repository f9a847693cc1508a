-- trek: replaces 0001..0005
-- The first release in one go. An empty database runs this file instead of 0001 to 0005; a database that ran those five
-- has it already. Once every database is past 0005 the five files can be deleted.
CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');

CREATE TABLE customers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text NOT NULL,
    full_name  text NOT NULL CHECK (full_name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);

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

CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id   uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    customer_id bigint NOT NULL REFERENCES customers,
    status      order_status NOT NULL DEFAULT 'new',
    ship_to     text,
    placed_at   timestamptz NOT NULL DEFAULT now(),
    paid_at     timestamptz
);

CREATE TABLE order_lines (
    order_id   bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    product_id bigint NOT NULL REFERENCES products,
    quantity   integer NOT NULL CHECK (quantity > 0),
    unit_cents integer NOT NULL CHECK (unit_cents >= 0),
    PRIMARY KEY (order_id, product_id)
);

CREATE TABLE stock (
    product_id bigint PRIMARY KEY REFERENCES products ON DELETE CASCADE,
    on_hand    integer NOT NULL DEFAULT 0 CHECK (on_hand >= 0)
);

CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));
CREATE INDEX products_category ON products (category_id);

COMMENT ON TABLE customers IS 'Who buys; guests too, known by their e-mail address';
COMMENT ON COLUMN products.price_cents IS 'What it costs today; an order keeps the price of its day';
COMMENT ON COLUMN orders.public_id IS 'What customers see; the numbers of id would tell how much we sell';

INSERT INTO categories (name) VALUES ('Kitchen'), ('Pantry'), ('Clothing');

WITH catalogue (sku, name, category, price_cents, on_hand) AS (
    VALUES ('KIT-001', 'Café crème mug', 'Kitchen', 1450, 120),
           ('KIT-002', 'Baker''s apron', 'Kitchen', 2900, 45),
           ('PAN-001', 'Jalapeño sauce; hot', 'Pantry', 690, 300),
           ('PAN-002', 'Señora Ruiz'' olive oil', 'Pantry', 1890, 80),
           ('CLO-001', 'Linen shirt', 'Clothing', 5900, 25),
           ('CLO-002', 'Linen shirt', 'Clothing', 6400, 25)
), new_products AS (
    INSERT INTO products (sku, name, category_id, price_cents)
    SELECT catalogue.sku, catalogue.name, categories.id, catalogue.price_cents
    FROM catalogue JOIN categories ON categories.name = catalogue.category
    ORDER BY catalogue.sku
    RETURNING id, sku
)
INSERT INTO stock (product_id, on_hand)
SELECT new_products.id, catalogue.on_hand
FROM new_products JOIN catalogue USING (sku);

-- trek: down
DROP TABLE stock, order_lines, orders, products, categories, customers;
DROP TYPE order_status;
