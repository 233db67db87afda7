"""Records as they come, and bad ones with their faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chandlery.ingest.domain.envelope import Header
from chandlery.ingest.domain.rows import Fault


@dataclass(frozen=True)
class Record:
    """What came as one: a message of a queue, a record of a stream, the body of a request."""

    record_id: str
    body: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BadRecord:
    """A record that is bad, whole or in part; its header, where that could be read."""

    record: Record
    header: Header | None
    faults: Sequence[Fault]
