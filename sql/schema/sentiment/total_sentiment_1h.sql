CREATE OR REPLACE VIEW market.total_sentiment_1h AS
SELECT
    instrument_id, ''::text COLLATE "C" AS source, time, market.average(sum(score_total), sum(score_weight)) AS score,
    sum(weight) AS weight, sum(items)::bigint AS items, sum(positive)::bigint AS positive, sum(negative)::bigint AS negative,
    sum(neutral)::bigint AS neutral
FROM market.sentiment_1h
GROUP BY instrument_id, time;
COMMENT ON VIEW market.total_sentiment_1h IS 'Sentiment of an hour over all sources: the mean of all items by their weights, never a mean of means; null where all weights are 0.';
