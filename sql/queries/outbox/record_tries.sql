-- What happened to messages: without a reason they were delivered; with one they wait, or were refused for good.
UPDATE market.outbox AS o SET
    tries = o.tries + 1,
    failed_because = t.reason,
    sent_at = CASE WHEN t.reason IS NULL THEN :'at'::timestamptz END,
    refused_at = CASE WHEN t.is_final THEN :'at'::timestamptz END
FROM unnest(:'ids'::bigint[], :'reasons'::text[], :'are_final'::boolean[]) AS t (id, reason, is_final)
WHERE o.id = t.id;
