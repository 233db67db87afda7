DROP PROCEDURE IF EXISTS market.set_minmax(text, text[]);
