DROP VIEW IF EXISTS market.trading_signals;
DROP TABLE market.signal_marks;
DROP TABLE market.signal_rules;
DROP TABLE market.signals;
DROP FUNCTION IF EXISTS market.refuse_changed_signal();
DROP FUNCTION IF EXISTS market.known_at(text, timestamptz, interval);
DROP FUNCTION IF EXISTS market.show_number(double precision);
