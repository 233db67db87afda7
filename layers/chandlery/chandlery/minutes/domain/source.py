"""What a candle is made by, and how sources rank."""

from enum import StrEnum


class Source(StrEnum):
    """Who made a candle, lowest rank first; the database's type `market.candle_source` has the same names."""

    VENDOR_HISTORICAL = "vendor_historical"
    HISTORICAL_AGGREGATED = "historical_aggregated"
    LIVE_GAP_FILLED = "live_gap_filled"
    LIVE_AGGREGATED = "live_aggregated"

    @property
    def heals(self) -> bool:
        """Whether such a candle, made of ticks, was missing when it should have been made."""
        return self is not Source.LIVE_AGGREGATED
