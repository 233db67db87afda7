"""Every five minutes: what is missing of the last 7 days, and why."""

from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.outbox.finish_run import CHANGES, delivering
from chandlery.platform.component import Run, component


@component("live_gap_monitor", finish=delivering(CHANGES))
def handler(run: Run) -> LiveGapReport:
    """Heal what ticks can heal, and keep the ledger of gaps."""
    return watch_live_gaps(
        run.connection,
        run.scheduled_at,
        piece_candles=run.settings.live_piece_candles,
        verify_buckets=run.settings.gap_verify_buckets,
        share_instruments=run.settings.gap_share_instruments,
        most_pieces=run.settings.gap_most_pieces,
        count_piece_hours=run.settings.gap_count_hours,
        latency_limit=run.settings.feed_latency_seconds,
        has_time=run.has_time,
    )
