"""What comes in records, and where bad ones go."""

from pydantic import Field, field_validator
from pydantic.config import JsonDict

from chandlery.platform.settings.environment import Environment

_INGEST: JsonDict = {"read_by": ["tick_ingest"]}


class IngestSettings(Environment):
    """How records are taken."""

    bad_records_queue_url: str | None = Field(
        None, description="queue that gets bad records; TickIngest fails without it", json_schema_extra=_INGEST
    )
    add_unknown_instruments: str | None = Field(
        None,
        description=(
            "calendar, and optionally feed, for unknown instruments of records, as in `24/7 binance`; "
            "without a feed the record's counts; not set: their rows are bad"
        ),
        json_schema_extra=_INGEST,
    )

    @field_validator("add_unknown_instruments")
    @classmethod
    def _two_words_at_most(cls, words: str | None) -> str | None:
        if words is not None and not 1 <= len(words.split()) <= 2:
            raise ValueError("write a calendar, and after a blank a feed")
        return words
