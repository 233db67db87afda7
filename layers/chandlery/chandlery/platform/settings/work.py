"""How much of its work a component does at once."""

from pydantic import Field
from pydantic.config import JsonDict

from chandlery.platform.domain.limits import (
    COUNT_PIECE_HOURS,
    INDICATOR_FILL_BUCKETS,
    INDICATOR_SPREAD_HOURS,
    LATENCY_SECONDS,
    REFRESH_PIECE_MINUTES,
)
from chandlery.platform.settings.environment import Environment

_LIVE: JsonDict = {"read_by": ["live_processor"]}
_OPTIONS: JsonDict = {"read_by": ["option_processor"]}
_ALERTS: JsonDict = {"read_by": ["alert_processor"]}
_LIVE_GAPS: JsonDict = {"read_by": ["live_gap_monitor"]}
_HISTORY_GAPS: JsonDict = {"read_by": ["historical_gap_monitor"]}
_HISTORY: JsonDict = {"read_by": ["historical_processor", "signal_processor"]}
_SIGNALS: JsonDict = {"read_by": ["signal_processor"]}
_POLICIES: JsonDict = {"read_by": ["policy_maintenance"]}
_CANDLES: JsonDict = {"read_by": ["live_processor", "live_gap_monitor", "historical_gap_monitor"]}
_GAPS: JsonDict = {"read_by": ["live_gap_monitor", "historical_gap_monitor"]}
_REFRESH: JsonDict = {"read_by": ["historical_processor", "policy_maintenance", "signal_processor"]}


class WorkSettings(Environment):
    """How much of each component's work goes into one run, and into one transaction."""

    live_settle_seconds: float = Field(
        5, ge=0, le=30, description="wait after a minute's end before it is aggregated", json_schema_extra=_LIVE
    )
    live_piece_candles: int = Field(
        20_000, ge=1, description="candles written in one transaction, about", json_schema_extra=_CANDLES
    )
    live_most_pieces: int | None = Field(
        None,
        ge=1,
        description="such transactions in one run, at most, the newest first; not set: as many as there is time for",
        json_schema_extra=_LIVE,
    )
    live_gap_check_buckets: int = Field(
        100_000,
        ge=0,
        description="instrument-minutes each run looks through for lost marks; the day is covered in turns",
        json_schema_extra=_LIVE,
    )
    option_settle_seconds: float = Field(
        20,
        ge=0,
        le=30,
        description="wait after a minute's end before its strikes are aggregated: candles of trades come first",
        json_schema_extra=_OPTIONS,
    )
    option_piece_contracts: int = Field(
        10_000, ge=1, description="contracts whose changes one transaction takes, about", json_schema_extra=_OPTIONS
    )
    option_most_pieces: int | None = Field(
        None,
        ge=1,
        description="such transactions in one run, at most; not set: as many as there is time for",
        json_schema_extra=_OPTIONS,
    )
    alert_settle_seconds: float = Field(
        10,
        ge=0,
        le=30,
        description="wait after a minute's end before its alerts are evaluated: its candles come first",
        json_schema_extra=_ALERTS,
    )
    gap_most_pieces: int | None = Field(
        None,
        ge=1,
        description="transactions of healing from ticks in one run of the live gap monitor, at most",
        json_schema_extra=_LIVE_GAPS,
    )
    gap_count_hours: int = Field(
        COUNT_PIECE_HOURS,
        ge=1,
        description="instrument-hours whose candles are counted in one transaction, about",
        json_schema_extra=_GAPS,
    )
    gap_share_instruments: int = Field(
        1_000, ge=1, description="instruments whose gaps are looked for together", json_schema_extra=_GAPS
    )
    gap_verify_buckets: int = Field(
        1_000,
        ge=0,
        description="instrument-minutes each run of the live gap monitor holds against their ticks, in turns",
        json_schema_extra=_LIVE_GAPS,
    )
    feed_latency_seconds: float = Field(
        LATENCY_SECONDS,
        gt=0,
        le=3600,
        description="from a tick's own time until it came: a feed of which one tick in 100 takes longer is late;"
        " 3600: never",
        json_schema_extra=_LIVE_GAPS,
    )
    history_most_pieces: int | None = Field(
        None,
        ge=1,
        description="transactions of healing from ticks in one run of the historical gap monitor, at most",
        json_schema_extra=_HISTORY_GAPS,
    )
    history_most_weeks: int | None = Field(
        None,
        ge=1,
        description="weeks one run looks for gaps in, at most; the next goes on",
        json_schema_extra=_HISTORY_GAPS,
    )
    history_verify_buckets: int = Field(
        500_000,
        ge=0,
        description="instrument-minutes each run of the historical gap monitor holds against their ticks, in turns",
        json_schema_extra=_HISTORY_GAPS,
    )
    policy_stale_marks: int = Field(
        2_000,
        ge=0,
        description="marks of changed hours each run of policy maintenance refreshes over, of each data set",
        json_schema_extra=_POLICIES,
    )
    history_stale_marks: int = Field(
        200_000,
        ge=0,
        description="marks of changed hours each run of the historical processor refreshes over, of each data set",
        json_schema_extra=_HISTORY,
    )
    refresh_piece_minutes: int = Field(
        REFRESH_PIECE_MINUTES,
        ge=1,
        description="minutes that one refresh of stale derived candles may fold, about: from a day to a week of them",
        json_schema_extra=_REFRESH,
    )
    indicator_piece_hours: int = Field(
        50_000,
        ge=1,
        description="instrument-hours of candles whose indicators are computed in one transaction, about",
        json_schema_extra=_HISTORY,
    )
    indicator_most_pieces: int | None = Field(
        None, ge=1, description="such transactions in one run, at most", json_schema_extra=_HISTORY
    )
    indicator_spread_hours: int = Field(
        INDICATOR_SPREAD_HOURS,
        ge=1,
        description="instrument-hours of marks that one statement makes ready for indicators",
        json_schema_extra=_HISTORY,
    )
    indicator_fill_buckets: int = Field(
        INDICATOR_FILL_BUCKETS,
        ge=1,
        description="buckets of history that are marked at a time for indicators new in the set",
        json_schema_extra=_HISTORY,
    )
    signal_piece_instruments: int = Field(
        20_000,
        ge=1,
        description="instruments whose changes one transaction judges by rules, about",
        json_schema_extra=_SIGNALS,
    )
    signal_most_pieces: int | None = Field(
        None,
        ge=1,
        description="such transactions in one run, at most; not set: as many as there is time for",
        json_schema_extra=_SIGNALS,
    )
    signal_fill_rows: int = Field(
        500_000,
        ge=1,
        description="candles of history that one transaction judges by rules that are new, about",
        json_schema_extra=_SIGNALS,
    )
