DROP TRIGGER orders_log_status ON orders;
DROP TRIGGER orders_log_placed ON orders;
DROP FUNCTION log_order_event();
DROP TABLE order_events;
