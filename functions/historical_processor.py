"""Every six hours: derived candles beyond the reach of the refresh policies, and the indicators that are stored."""

from chandlery.datasets.indicators import INDICATOR_VALUES
from chandlery.indicators.indicator_set import read_indicator_set
from chandlery.indicators.process_history import HistoryReport, process_history
from chandlery.outbox.finish_run import CHANGES, delivering
from chandlery.platform.component import Run, component
from chandlery.policies.wanted import read_policies
from chandlery.signals.kept_set import with_rules
from chandlery.signals.signal_rules import read_rules


@component("historical_processor", finish=delivering(CHANGES))
def handler(run: Run) -> HistoryReport:
    """Refresh what is stale, then compute the indicators whose candles changed."""
    return process_history(
        run.connection,
        run.scheduled_at,
        wanted=with_rules(read_indicator_set(), read_rules()) if run.settings.indicators_enabled else None,
        keep=retention.after if (retention := read_policies()[INDICATOR_VALUES.name].retention) else None,
        most_marks=run.settings.history_stale_marks,
        piece_hours=run.settings.indicator_piece_hours,
        most_pieces=run.settings.indicator_most_pieces,
        spread_hours=run.settings.indicator_spread_hours,
        fill_buckets=run.settings.indicator_fill_buckets,
        refresh_piece_minutes=run.settings.refresh_piece_minutes,
        has_time=run.has_time,
    )
