"""Answers that can be kept: cached under a fingerprint of the data they came from, with an ETag."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from aws_lambda_powertools.event_handler import Response
from psycopg import Connection
from pydantic import BaseModel

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.platform.connection import snapshot
from chandlery.reading.store import fingerprints
from chandlery.reference.store.instrument_pages import InstrumentEntry
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, Window

from .application import app
from .encoding import VARY
from .sandbox import SANDBOX

_JSON = "application/json"
_AS_ANSWERED = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
Cached = Literal["hit", "miss", "bypass"]


@dataclass(frozen=True)
class Made:
    """What was made of the minutes of a window: a change of others does not change it.

    Attributes:
        write: the body, to tell how it was come by.
        next_cursor: of an answer that has no place for it.
    """

    write: Callable[[Cached], bytes]
    window: Window
    next_cursor: str = ""


@dataclass(frozen=True)
class Question:
    """What an answer is about.

    Attributes:
        instrument: whose candles.
        timeframe: of the candles that the answer hangs on.
        words: all else that tells it from other questions, and the minute it is asked in where that matters.
        at: now.
        make: the answer, read in a transaction that sees one moment.
        dataset: whose rows the candles are.
        more: what else the answer depends on, as text; None while that is in doubt.
    """

    instrument: InstrumentEntry
    timeframe: Timeframe
    words: object
    at: datetime
    make: Callable[[], Made]
    dataset: Dataset = CANDLES
    more: Callable[[Connection], str | None] = lambda _: ""

    @property
    def key(self) -> str:
        """The same for the same question."""
        said = json.dumps([self.instrument.key, self.timeframe, self.words], default=str)
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class Answered:
    """A body, and how it was come by: bypass where it may not be kept; its tag, where it may be."""

    body: bytes
    cache: Cached
    tag: str | None
    next_cursor: str = ""


def answer(connection: Connection, key: str, ask: Callable[[InstrumentEntry], Question]) -> Answered:
    """Find an answer in the cache while the data it came from is the same; else make it, and keep it.

    Which minutes an answer comes from is known once it was made: so its fingerprint begins with their window. The
    instrument is looked up once at most: where an answer is made, in the transaction that sees all of one moment.

    Args:
        connection: in autocommit mode.
        key: of the instrument.
        ask: the question, of an instrument.

    Raises:
        NotFound: there is no such instrument.
    """
    known = SANDBOX.known_instrument(key)
    asked = ask(known) if known else None
    found = _find(connection, asked) if asked else None
    if found is not None:
        return found
    with snapshot(connection):
        instrument = SANDBOX.find_instrument(connection, key)
        question = asked if asked is not None and instrument == known else ask(instrument)
        if asked is None:
            found = _find(connection, question)
        return found or _make(connection, question)


def _find(connection: Connection, question: Question) -> Answered | None:
    def is_current(fingerprint: str) -> bool:
        return _fingerprint(connection, question, _window_of(fingerprint)) == fingerprint

    key = question.key
    kept = SANDBOX.cache.get(key, is_current)
    return Answered(kept.value, "hit", _tag(key, kept.fingerprint), kept.note) if kept else None


def _make(connection: Connection, question: Question) -> Answered:
    made, key = question.make(), question.key
    fingerprint = _fingerprint(connection, question, made.window)
    if fingerprint is None:
        return Answered(made.write("bypass"), "bypass", None, made.next_cursor)
    settings = SANDBOX.settings
    # What lies a day back is changed by heals alone, which its fingerprint tells.
    settled = made.window.ends < question.at - DAY
    seconds = settings.cache_settled_seconds if settled else settings.cache_open_seconds
    SANDBOX.cache.put(key, fingerprint, made.write("hit"), seconds=seconds, note=made.next_cursor)
    return Answered(made.write("miss"), "miss", _tag(key, fingerprint), made.next_cursor)


def _fingerprint(connection: Connection, question: Question, window: Window) -> str | None:
    """None while candles of the window, or what else the answer depends on, are in doubt."""
    found = fingerprints.find_candles(
        connection, question.instrument.instrument_id, question.timeframe, window, question.dataset
    )
    more = question.more(connection) if found.settled_to >= window.ends else None
    return None if more is None else f"{window.starts.isoformat()} {window.ends.isoformat()} {found.value} {more}"


def _window_of(fingerprint: str) -> Window:
    starts, ends, _ = fingerprint.split(" ", 2)
    return Window(datetime.fromisoformat(starts), datetime.fromisoformat(ends))


def _tag(key: str, found: str) -> str:
    return '"' + hashlib.sha256(f"{key} {found}".encode()).hexdigest()[:32] + '"'


def respond(answered: Answered, content_type: str = _JSON, **headers: str) -> Response[str]:
    """The answer over HTTP; 304 without it where the caller has it already."""
    headers = {"X-Cache": answered.cache, "Cache-Control": "private, no-cache", "Vary": VARY} | headers
    if answered.tag is not None:
        # Weak: the same however the body is encoded.
        headers["ETag"] = f"W/{answered.tag}"
        if not {answered.tag, "*"}.isdisjoint(_tags_had()):
            return Response(status_code=304, content_type=None, headers=headers, body="")
    return Response(status_code=200, content_type=content_type, headers=headers, body=answered.body.decode())


def write_json(answered: object) -> bytes:
    """An answer, or a part of it, by the fields of its model; they may hold arrays of numpy, and fragments of JSON.

    The model's own serialiser knows neither, and takes three times as long. Both write NaN as null.
    """
    return orjson.dumps(answered, default=vars, option=_AS_ANSWERED)


def written(json: bytes | str) -> Any:
    """JSON in the place of what it says, of whatever type its field is declared."""
    return orjson.Fragment(json)


def plain(body: BaseModel) -> Response[str]:
    """An answer of the moment, tagged by its own content."""
    return of_moment(body.model_dump_json().encode())


def of_moment(text: bytes, content_type: str = _JSON, **headers: str) -> Response[str]:
    """The same, as it is written already."""
    answered = Answered(text, "bypass", f'"{hashlib.sha256(text).hexdigest()[:32]}"')
    return respond(answered, content_type, **headers)


def _tags_had() -> set[str]:
    given = app.current_event.headers.get("if-none-match", "")
    return {tag.strip().removeprefix("W/") for tag in given.split(",")}
