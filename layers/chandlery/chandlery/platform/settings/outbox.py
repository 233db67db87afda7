"""Where messages go, and whether changes of data are told."""

from pydantic import Field, field_validator
from pydantic.config import JsonDict

from chandlery.platform.settings.environment import Environment

_ALL: JsonDict = {"read_by": ["all"]}
_DELIVERERS: JsonDict = {"read_by": ["every scheduled"]}


class OutboxSettings(Environment):
    """The outbox: who is told, and of what."""

    event_bus_name: str | None = Field(
        None,
        description="EventBridge bus of changes and signals, by name or ARN; not set: nothing is delivered there",
        json_schema_extra=_DELIVERERS,
    )
    alert_topic_arn: str | None = Field(
        None, description="SNS topic of alerts; not set: none are delivered", json_schema_extra=_DELIVERERS
    )
    changes_published: bool = Field(
        False, description="true: after each run an event lists which data changed", json_schema_extra=_ALL
    )
    outbox_keep_days: float = Field(
        7,
        gt=0,
        description="days for which policy maintenance keeps delivered messages, and those without a destination",
        json_schema_extra=_DELIVERERS,
    )

    @field_validator("alert_topic_arn")
    @classmethod
    def _is_topic(cls, arn: str | None) -> str | None:
        if arn is not None and not arn.startswith("arn:"):
            raise ValueError("write the ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME")
        return arn
