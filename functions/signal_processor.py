"""Every five minutes: what rules of signals say of what changed, once the indicators they see are computed."""

from functools import partial

from chandlery.datasets.indicators import INDICATOR_VALUES
from chandlery.indicators import process_history as history
from chandlery.indicators.indicator_set import read_indicator_set
from chandlery.outbox.finish_run import CHANGES, SIGNALS, delivering, publishers
from chandlery.platform.component import Run, component
from chandlery.policies.wanted import read_policies
from chandlery.signals.kept_set import with_rules
from chandlery.signals.process_signals import SignalReport, process_signals
from chandlery.signals.signal_rules import read_retention, read_rules

# What each stage leaves for the next one.
_SECONDS_TO_INDICATE, _SECONDS_TO_JUDGE = 60.0, 60.0


@component("signal_processor", finish=delivering(SIGNALS, CHANGES))
def handler(run: Run) -> SignalReport:
    """Refresh what is stale and compute what rules see, then judge what changed."""
    rules = read_rules()
    retention = read_policies()[INDICATOR_VALUES.name].retention
    compute = partial(
        history.process_history,
        run.connection,
        run.scheduled_at,
        wanted=with_rules(read_indicator_set(), rules) if run.settings.indicators_enabled else None,
        keep=retention.after if retention else None,
        most_marks=run.settings.history_stale_marks,
        piece_hours=run.settings.indicator_piece_hours,
        most_pieces=run.settings.indicator_most_pieces,
        spread_hours=run.settings.indicator_spread_hours,
        fill_buckets=run.settings.indicator_fill_buckets,
        refresh_piece_minutes=run.settings.refresh_piece_minutes,
        indicate_seconds=_SECONDS_TO_INDICATE + _SECONDS_TO_JUDGE,
        has_time=lambda seconds: run.has_time(max(seconds, _SECONDS_TO_JUDGE)),
    )
    return process_signals(
        run.connection,
        run.scheduled_at,
        rules=rules,
        compute=compute,
        piece_instruments=run.settings.signal_piece_instruments,
        fill_rows=run.settings.signal_fill_rows,
        most_pieces=run.settings.signal_most_pieces,
        has_time=run.has_time,
        is_published=SIGNALS in publishers(run.settings),
        keep=read_retention(),
    )
