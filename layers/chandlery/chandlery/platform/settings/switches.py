"""Which components work at all, and whether they only say what they would do."""

from collections.abc import Sequence

from pydantic import Field
from pydantic.config import JsonDict

from chandlery.platform.settings.environment import Environment

SCHEDULED = (
    "live_processor",
    "option_processor",
    "alert_processor",
    "live_gap_monitor",
    "historical_gap_monitor",
    "historical_processor",
    "policy_maintenance",
    "signal_processor",
)

# Who reads a setting, beside the command line where it does the same work; README's table says so.
_LIVE: JsonDict = {"read_by": ["live_processor"]}
_OPTIONS: JsonDict = {"read_by": ["option_processor"]}
_ALERTS: JsonDict = {"read_by": ["alert_processor"]}
_LIVE_GAPS: JsonDict = {"read_by": ["live_gap_monitor"]}
_HISTORY_GAPS: JsonDict = {"read_by": ["historical_gap_monitor"]}
_HISTORY: JsonDict = {"read_by": ["historical_processor"]}
_POLICIES: JsonDict = {"read_by": ["policy_maintenance"]}
_SIGNALS: JsonDict = {"read_by": ["signal_processor"]}
_SCHEDULED: JsonDict = {"read_by": ["every scheduled"]}


class SwitchSettings(Environment):
    """What makes scheduled components do nothing, or write nothing."""

    live_processor_enabled: bool = Field(
        True, description="false: its runs do nothing, and say that they are switched off", json_schema_extra=_LIVE
    )
    option_processor_enabled: bool = Field(
        True, description="the same for the option processor", json_schema_extra=_OPTIONS
    )
    alert_processor_enabled: bool = Field(
        True, description="the same for the alert processor", json_schema_extra=_ALERTS
    )
    live_gap_monitor_enabled: bool = Field(
        True, description="the same for the live gap monitor", json_schema_extra=_LIVE_GAPS
    )
    historical_gap_monitor_enabled: bool = Field(
        True, description="the same for the historical gap monitor", json_schema_extra=_HISTORY_GAPS
    )
    historical_processor_enabled: bool = Field(
        True, description="the same for the historical processor", json_schema_extra=_HISTORY
    )
    policy_maintenance_enabled: bool = Field(
        True, description="the same for policy maintenance", json_schema_extra=_POLICIES
    )
    signal_processor_enabled: bool = Field(
        True, description="the same for the signal processor", json_schema_extra=_SIGNALS
    )
    indicators_enabled: bool = Field(
        True,
        description="false: the historical processor refreshes, but computes no indicators; their marks wait",
        json_schema_extra={"read_by": ["historical_processor", "signal_processor"]},
    )
    dry_run: bool = Field(
        False, description="true: runs say what they would write, and write nothing", json_schema_extra=_SCHEDULED
    )
    dry_run_seconds: float = Field(
        10,
        gt=0,
        description="a dry run begins no other piece of work after so long: it keeps other writers waiting",
        json_schema_extra=_SCHEDULED,
    )
    run_reserve_seconds: float = Field(
        10,
        ge=1,
        description="kept back of a function's time limit, for the run's row, log and metrics",
        json_schema_extra={"read_by": ["every scheduled", "tick_ingest"]},
    )

    def is_enabled(self, component: str) -> bool:
        """Whether a scheduled component, by its function's name, is to work at all; or `indicators`, a part of one."""
        enabled: bool = getattr(self, f"{component}_enabled")
        return enabled

    @property
    def idle(self) -> Sequence[str]:
        """The variables by which runs write nothing."""
        off = [f"{name}_enabled".upper() for name in (*SCHEDULED, "indicators") if not self.is_enabled(name)]
        return [*off, "DRY_RUN"] if self.dry_run else off
