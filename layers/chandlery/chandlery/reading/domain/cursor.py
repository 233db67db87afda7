"""Cursors: where a page ended, as text that nobody but us reads."""

import base64
import binascii
import json
from collections.abc import Mapping

BROKEN = "the cursor is broken; give next_cursor of the page before as it is"
Value = str | int | bool | None


def write_cursor(values: Mapping[str, Value]) -> str:
    """A cursor: base64url of JSON, without padding."""
    text = json.dumps(dict(values), separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, asked: Mapping[str, Value], places: Mapping[str, type]) -> Mapping[str, Value]:
    """What a cursor says.

    Args:
        cursor: as `write_cursor` made it.
        asked: what the question says: the cursor must say the same.
        places: what it must say beside, each by the type of its value.

    Raises:
        ValueError: it is broken, or belongs to another question.
    """
    try:
        said = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise ValueError(BROKEN) from None
    if not isinstance(said, dict) or said.keys() != asked.keys() | places.keys():
        raise ValueError("the cursor belongs to something else; give next_cursor of the page before as it is")
    differing = sorted(name for name, value in asked.items() if said[name] != value)
    if differing:
        raise ValueError(f"the cursor belongs to a question with another {differing[0]}; ask without a cursor first")
    if any(not isinstance(said[name], kind) or isinstance(said[name], bool) for name, kind in places.items()):
        raise ValueError(BROKEN)
    if not all(_is_storable(said[name]) for name in places):
        raise ValueError(BROKEN)
    return said


def _is_storable(value: Value) -> bool:
    """Whether the database can be asked for it: no NUL nor half of a surrogate pair, no number beyond its own."""
    if isinstance(value, int):
        return abs(value) < 2**63
    try:
        return "\0" not in str(value).encode().decode()
    except UnicodeError:
        return False
