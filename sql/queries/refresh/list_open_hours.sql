-- Hours up to a moment whose marks were taken while a bucket over them was open.
SELECT open_hour_id, hour, settled FROM market.open_hours WHERE dataset = :'dataset' AND hour <= :'at'::timestamptz;
