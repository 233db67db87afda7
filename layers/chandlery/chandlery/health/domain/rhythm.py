"""How often each component is due: `template.yaml` says when, and is held to this by a test."""

from dataclasses import dataclass
from datetime import timedelta

from chandlery.words.window import DAY, HOUR, MINUTE


@dataclass(frozen=True)
class Rhythm:
    """A component is due `every` so often; it is missed once its last run is older than `patience`, as by its alarm."""

    every: timedelta
    patience: timedelta


RHYTHMS = {
    "live_processor": Rhythm(MINUTE, 5 * MINUTE),
    "option_processor": Rhythm(MINUTE, 5 * MINUTE),
    "alert_processor": Rhythm(MINUTE, 5 * MINUTE),
    "live_gap_monitor": Rhythm(5 * MINUTE, 15 * MINUTE),
    "policy_maintenance": Rhythm(5 * MINUTE, 15 * MINUTE),
    "signal_processor": Rhythm(5 * MINUTE, 15 * MINUTE),
    "historical_gap_monitor": Rhythm(DAY, 26 * HOUR),
    "historical_processor": Rhythm(6 * HOUR, 8 * HOUR),
}
