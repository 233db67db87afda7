"""The scheduled functions themselves, as Lambda calls them."""

from collections.abc import Mapping
from datetime import datetime

from chandlery.platform.component import Component
from functions import (
    alert_processor,
    historical_gap_monitor,
    historical_processor,
    live_gap_monitor,
    live_processor,
    option_processor,
    policy_maintenance,
    signal_processor,
)

COMPONENTS: Mapping[str, Component] = {
    each.handler.name: each.handler
    for each in (
        live_processor,
        option_processor,
        alert_processor,
        live_gap_monitor,
        historical_gap_monitor,
        historical_processor,
        policy_maintenance,
        signal_processor,
    )
}


class Context:
    """As much of Lambda's context as a run needs: a quarter of an hour."""

    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def fire(component: Component, at: datetime) -> object:
    """Call a function as its schedule would."""
    return component({"scheduled_at": at.isoformat()}, Context())
