DROP TABLE market.ticks;
DROP FUNCTION market.mark_inserted_ticks();
DROP FUNCTION market.mark_updated_ticks();
DROP FUNCTION market.mark_deleted_tick();
DROP TABLE market.dirty;
