"""Answers that can be kept: cached under a fingerprint of the data they came from, with an ETag."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aws_lambda_powertools.event_handler import Response
from psycopg import Connection

from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import DAY, Window
from chandlery.store import fingerprints
from chandlery.store.connection import snapshot
from chandlery.store.instrument_pages import InstrumentEntry

from .application import app
from .sandbox import SANDBOX

_JSON = "application/json"


@dataclass(frozen=True)
class Question:
    """What an answer is about.

    Attributes:
        instrument: whose candles.
        timeframe: of which timeframe.
        words: all else that tells it from other questions, and the minute it is asked in where that matters.
        at: now.
    """

    instrument: InstrumentEntry
    timeframe: Timeframe
    words: object
    at: datetime

    @property
    def key(self) -> str:
        """The same for the same question."""
        said = json.dumps([self.instrument.key, self.timeframe, self.words], default=str)
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class Made:
    """A body, and the stretch of minutes it was made of: a change of others does not change it."""

    body: bytes
    window: Window


@dataclass(frozen=True)
class Answered:
    """A body, and how it was come by: hit, miss, or bypass where it may not be kept; its tag, where it may be."""

    body: bytes
    cache: str
    tag: str | None


def answer(connection: Connection, question: Question, make: Callable[[], Made]) -> Answered:
    """Find an answer in the cache while the data it came from is the same; else make it, and keep it.

    Which minutes an answer comes from is known once it was made: so its fingerprint begins with their window.
    """
    key = question.key

    def is_current(fingerprint: str) -> bool:
        return _fingerprint(connection, question, _window_of(fingerprint)) == fingerprint

    kept = SANDBOX.cache.get(key, is_current)
    if kept is not None:
        return Answered(kept.value, "hit", _tag(key, kept.fingerprint))
    # Data and fingerprint of one moment.
    with snapshot(connection):
        made = make()
        fingerprint = _fingerprint(connection, question, made.window)
    if fingerprint is None:
        return Answered(made.body, "bypass", None)
    settings = SANDBOX.settings
    # What lies a day back is changed by heals alone, which its fingerprint tells.
    settled = made.window.ends < question.at - DAY
    seconds = settings.cache_settled_seconds if settled else settings.cache_open_seconds
    SANDBOX.cache.put(key, fingerprint, made.body, seconds=seconds)
    return Answered(made.body, "miss", _tag(key, fingerprint))


def _fingerprint(connection: Connection, question: Question, window: Window) -> str | None:
    """None where candles of the window are in doubt just now."""
    found = fingerprints.find_candles(connection, question.instrument.instrument_id, question.timeframe, window)
    if found.settled_to < window.ends:
        return None
    return f"{window.starts.isoformat()} {window.ends.isoformat()} {found.value}"


def _window_of(fingerprint: str) -> Window:
    starts, ends, _ = fingerprint.split(" ", 2)
    return Window(datetime.fromisoformat(starts), datetime.fromisoformat(ends))


def _tag(key: str, found: str) -> str:
    return '"' + hashlib.sha256(f"{key} {found}".encode()).hexdigest()[:32] + '"'


def respond(answered: Answered, content_type: str = _JSON, **headers: str) -> Response[str]:
    """The answer over HTTP; 304 without it where the caller has it already."""
    headers = {"X-Cache": answered.cache, "Cache-Control": "private, no-cache", "Vary": "Accept"} | headers
    if answered.tag is not None:
        headers["ETag"] = answered.tag
        if not {answered.tag, "*"}.isdisjoint(_tags_had()):
            return Response(status_code=304, content_type=None, headers=headers, body="")
    return Response(status_code=200, content_type=content_type, headers=headers, body=answered.body.decode())


def plain(body: object) -> Response[str]:
    """An answer of the moment, tagged by its own content."""
    text = json.dumps(body, separators=(",", ":"), default=_told, ensure_ascii=False).encode()
    return respond(Answered(text, "bypass", '"' + hashlib.sha256(text).hexdigest()[:32] + '"'))


def _tags_had() -> set[str]:
    given = app.current_event.headers.get("if-none-match", "")
    return {tag.strip().removeprefix("W/") for tag in given.split(",")}


def _told(value: object) -> object:
    if isinstance(value, datetime):
        return told(value)
    return float(value) if isinstance(value, Decimal) else str(value)


def told(moment: datetime) -> str:
    """A moment as answers tell it: UTC, ending in Z."""
    return moment.isoformat().replace("+00:00", "Z")
