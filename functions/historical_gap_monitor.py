"""Daily: what is missing beyond 7 days, healed from ticks or from the vendor."""

from chandlery.gaps.watch_historical_gaps import HistoricalGapReport, watch_historical_gaps
from chandlery.outbox.finish_run import CHANGES, delivering
from chandlery.platform.component import Run, component
from chandlery.vendors import open_vendor


@component("historical_gap_monitor", finish=delivering(CHANGES))
def handler(run: Run) -> HistoricalGapReport:
    """Heal what can be healed, ask the vendor for the rest, keep the ledger."""
    settings = run.settings
    return watch_historical_gaps(
        run.connection,
        run.scheduled_at,
        open_vendor=lambda: open_vendor(settings),
        piece_candles=settings.live_piece_candles,
        verify_buckets=settings.history_verify_buckets,
        share_instruments=settings.gap_share_instruments,
        most_vendor_days=settings.vendor_days,
        most_refusals=settings.vendor_most_refusals,
        most_pieces=settings.history_most_pieces,
        most_weeks=settings.history_most_weeks,
        count_piece_hours=settings.gap_count_hours,
        has_time=run.has_time,
        progress=run.progress,
    )
