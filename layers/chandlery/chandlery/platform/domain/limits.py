"""How much is done at once where nobody says otherwise: the defaults of settings, and of use cases called without."""

COUNT_PIECE_HOURS = 50_000
SCAN_PIECE_ROWS = 20_000
SCAN_SHARE_RUNS = 100_000
REFRESH_PIECE_MINUTES = 5_000_000
INDICATOR_SPREAD_HOURS = 500_000
INDICATOR_FILL_BUCKETS = 3_000
VENDOR_REFUSALS = 3
VENDOR_RETRIES = 6
# So that the feed of a vendor who is a quarter of an hour late is not late.
LATENCY_SECONDS = 1_800

# Rows of a page, at most, of whatever is listed; and minutes that the candles of a page are folded from.
PAGE_ROWS = 10_000
PAGE_MINUTES = 200_000
