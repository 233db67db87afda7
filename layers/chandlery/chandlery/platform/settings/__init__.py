"""The only reader of the environment: every setting, with its default and its unit."""

from pathlib import Path

from pydantic import ConfigDict, Field, ValidationError

from chandlery.platform.errors import Permanent
from chandlery.platform.settings.api import ApiSettings, WarmUp
from chandlery.platform.settings.database import DatabaseSettings
from chandlery.platform.settings.environment import Environment
from chandlery.platform.settings.ingest import IngestSettings
from chandlery.platform.settings.outbox import OutboxSettings
from chandlery.platform.settings.page import PageSettings
from chandlery.platform.settings.switches import SCHEDULED, SwitchSettings
from chandlery.platform.settings.vendor import VendorSettings
from chandlery.platform.settings.work import WorkSettings
from chandlery.words.complaint import first_complaint

__all__ = ["SCHEDULED", "LocalSettings", "Settings", "WarmUp", "read_settings"]


class Settings(
    VendorSettings,
    ApiSettings,
    PageSettings,
    IngestSettings,
    OutboxSettings,
    WorkSettings,
    DatabaseSettings,
    SwitchSettings,
):
    """What a function needs to know."""

    model_config = ConfigDict(defer_build=False)


class LocalSettings(Environment):
    """What the command line needs to know beside `Settings`."""

    chandlery_home: Path = Field(
        Path(".chandlery"),
        description="folder of the embedded database's data; not set: the nearest, here or above",
        json_schema_extra={"read_by": ["command line"]},
    )
    chandlery_progress: bool = Field(
        True,
        description="false: a long command reports no progress if stderr is not a terminal",
        json_schema_extra={"read_by": ["command line"]},
    )


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        Permanent: a variable does not parse; the message names it, and never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise Permanent(
            f"the environment is wrong: {first_complaint(error.errors(include_input=False, include_url=False))}"
        ) from None
