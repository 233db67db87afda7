"""Messages to the queue of bad records: which record of which source; of each fault its line, its reason, the row."""

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from chandlery.ingest.domain.record import BadRecord
from chandlery.ingest.domain.rows import Fault

# A queue takes 256 KiB. JSON may escape a byte as six characters, and one of four bytes as twelve.
_MOST_BYTES_OF_BODY = 30_000
_MOST_AS_JSON = 80_000


def bad_messages(source: str, bad: BadRecord) -> Iterator[str]:
    """The messages that tell of a record, as JSON; several where one would be too long."""
    told: dict[str, Any] = {"source": source, "record_id": bad.record.record_id}
    if bad.header is not None:
        told |= asdict(bad.header)
    if any(fault.line is None for fault in bad.faults) or bad.header is None:
        told |= _body(bad.record.body)
    faults: list[dict[str, Any]] = []
    characters = 0
    for fault in bad.faults:
        said = _said(fault)
        size = len(json.dumps(said))
        if faults and characters + size > _MOST_AS_JSON:
            yield json.dumps(told | {"faults": faults})
            faults, characters = [], 0
        faults.append(said)
        characters += size
    yield json.dumps(told | {"faults": faults})


def _said(fault: Fault) -> dict[str, Any]:
    row, reason = _fitting(fault.row), _fitting(fault.reason)
    cut = {"is_cut": True} if (row, reason) != (fault.row, fault.reason) else {}
    return {"line": fault.line, "reason": reason, "row": row} | cut


def _fitting(text: str) -> str:
    while len(json.dumps(text)) > _MOST_AS_JSON:
        text = text[: min(len(text) // 2, _MOST_AS_JSON)]
    return text


def _body(body: bytes) -> dict[str, Any]:
    cut = {"body_is_cut": True} if len(body) > _MOST_BYTES_OF_BODY else {}
    kept = body[:_MOST_BYTES_OF_BODY]
    try:
        # A cut may go through a character.
        return {"body": kept.decode(errors="ignore" if cut else "strict")} | cut
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(kept).decode()} | cut
