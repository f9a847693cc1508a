-- trek: irreversible
-- The law lets us keep where a parcel went for ten years. What is erased here cannot come back, and must not.
UPDATE orders SET ship_to = NULL
WHERE ship_to IS NOT NULL AND placed_at < now() - interval '10 years';
