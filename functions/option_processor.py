"""Every minute: the strike candles of the minutes whose quotes, trades or open interest changed."""

from chandlery.options.aggregate_strikes import StrikesReport, aggregate_strikes
from chandlery.outbox.finish_run import CHANGES, delivering
from chandlery.platform.component import Run, component


@component("option_processor", finish=delivering(CHANGES))
def handler(run: Run) -> StrikesReport:
    """Wait until the live processor has had its turn, then aggregate what is due."""
    run.settle(run.settings.option_settle_seconds)
    return aggregate_strikes(
        run.connection,
        run.scheduled_at,
        piece_contracts=run.settings.option_piece_contracts,
        most_pieces=run.settings.option_most_pieces,
        has_time=run.has_time,
    )
