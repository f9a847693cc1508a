-- trek: requires 0014 0015
-- The branches join: what a visitor sees of a product.
CREATE VIEW storefront AS
SELECT products.id,
       products.sku,
       products.name,
       products.price_cents,
       products.price_cents::bigint * (100 - coalesce(discounts.percent, 0)) / 100 AS offer_cents,
       opinion.stars,
       coalesce(opinion.reviews, 0) AS reviews
FROM products
LEFT JOIN discounts ON discounts.product_id = products.id AND discounts.during @> now()
LEFT JOIN (
    SELECT product_id, round(avg(stars), 1) AS stars, count(*) AS reviews FROM reviews GROUP BY product_id
) AS opinion ON opinion.product_id = products.id;

COMMENT ON VIEW storefront IS 'Today''s price and what customers think; ''--'' is no comment in here';

-- trek: down
DROP VIEW storefront;
