"""Every minute: the candles of the minutes whose ticks changed."""

from chandlery.minutes.aggregate_live import LiveReport, aggregate_live
from chandlery.outbox.finish_run import CHANGES, delivering
from chandlery.platform.component import Run, component


@component("live_processor", finish=delivering(CHANGES))
def handler(run: Run) -> LiveReport:
    """Wait until the minute has settled, then aggregate what is due."""
    run.settle(run.settings.live_settle_seconds)
    return aggregate_live(
        run.connection,
        run.scheduled_at,
        piece_candles=run.settings.live_piece_candles,
        gap_check_buckets=run.settings.live_gap_check_buckets,
        most_pieces=run.settings.live_most_pieces,
        has_time=run.has_time,
    )
