-- What the shop opens with. Two shirts share a name: they differ in cut, and the name came from the supplier.
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
-- A product that somebody bought stays, and so does its category.
DELETE FROM products
WHERE sku IN ('KIT-001', 'KIT-002', 'PAN-001', 'PAN-002', 'CLO-001', 'CLO-002')
  AND NOT EXISTS (SELECT FROM order_lines WHERE order_lines.product_id = products.id);

DELETE FROM categories
WHERE name IN ('Kitchen', 'Pantry', 'Clothing')
  AND NOT EXISTS (SELECT FROM products WHERE products.category_id = categories.id);
