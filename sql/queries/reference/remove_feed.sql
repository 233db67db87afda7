-- Forgets a feed that no instrument names any more.
DELETE FROM market.feeds AS f
WHERE f.feed = :'feed' AND NOT EXISTS (SELECT FROM market.instruments AS n WHERE n.feed = f.feed);
