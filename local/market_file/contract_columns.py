"""The columns by which files of options name contracts, and what must hold between them and the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from chandlery.reference.domain.contract import MODELS, SIDES, STYLES
from local.market_file.candle_checks import Fault, Parsed
from local.market_file.columns import Column
from local.market_file.values import (
    INSTANT,
    parse_cells,
    parse_dates,
    parse_integers,
    parse_numbers,
    parse_times,
    parse_words,
    quote,
)
from local.market_file.values import Parsed as Values

NAMES = ("expiry", "strike", "right", "contract", "expires_at")
_RIGHTS, _SIDES = (pa.array(list(each)) for each in (SIDES.keys(), SIDES.values()))
# Of many, the first are told.
_MOST_NAMED = 10


def contract_columns() -> tuple[Column, ...]:
    """Those of every file of options."""
    moment = partial(parse_cells, parse=parse_times, may_be_empty=True)
    return (
        Column("expiry", "date", partial(parse_cells, parse=parse_dates, may_be_empty=False)),
        Column("strike", "number", parse_strikes),
        Column("right", "text", parse_rights),
        Column("contract", "text", parse_names, required=False, nullable=True),
        Column("expires_at", "time", moment, required=False, nullable=True),
    )


def term_columns() -> tuple[Column, ...]:
    """Those of a file of contracts that say what each is like; an empty cell says nothing."""
    parsers: dict[str, Callable[[pa.Array], Values]] = {
        "multiplier": parse_strikes,
        "style": partial(parse_words, words=STYLES),
        "model": partial(parse_words, words=MODELS),
        "currency": parse_currencies,
    }
    return tuple(
        Column(name, "text", partial(parse_cells, parse=parse, may_be_empty=True), required=False, nullable=True)
        for name, parse in parsers.items()
    )


def rate_columns() -> tuple[Column, ...]:
    """Those of a file of interest rates."""
    return (
        Column("time", "time", parse_times),
        Column("currency", "text", parse_currencies),
        Column("days", "integer", partial(parse_integers, least=1, bits=32)),
        Column("rate", "number", partial(parse_numbers, negative=True)),
    )


def parse_currencies(texts: pa.Array) -> Values:
    """Names of currencies."""
    texts = pc.utf8_trim_whitespace(texts)
    bad = pc.invert(pc.match_substring_regex(texts, r"\A[A-Z][A-Z0-9]{2,9}\z"))
    return Values(texts, bad, lambda text: f"{quote(text)} is no currency, as in USD" if text.strip() else "is empty")


def parse_strikes(texts: pa.Array) -> Values:
    """Decimal numbers above zero, kept as exact text."""
    parsed = parse_numbers(texts)
    above = pc.match_substring_regex(parsed.values, r"\A[^eE]*[1-9]")
    bad = pc.invert(above) if parsed.bad is None else pc.or_(parsed.bad, pc.invert(above))
    zero = {text for text in pc.unique(texts.filter(bad)).to_pylist() if parse_numbers(pa.array([text])).bad is None}
    return Values(
        parsed.values, bad, lambda text: f"{quote(text)} is not above zero" if text in zero else parsed.reason(text)
    )


def parse_names(texts: pa.Array) -> Values:
    """Free text without control characters; null where empty."""
    texts = pc.utf8_trim_whitespace(texts)
    good = pc.invert(pc.match_substring_regex(texts, r"[\x00-\x1f]"))
    bad = None if pc.all(good, min_count=0).as_py() else pc.invert(good)
    return Values(
        pc.if_else(pc.equal(texts, ""), None, texts), bad, lambda text: f"{quote(text)} is no name of a contract"
    )


def parse_rights(texts: pa.Array) -> Values:
    """`call` or `put`, as C, CE, P and PE say too, in any case."""
    places = pc.index_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), _RIGHTS)
    return Values(_SIDES.take(places), pc.is_null(places), _explain_right)


def _explain_right(text: str) -> str:
    if not text.strip():
        return "is empty"
    return f"{quote(text)} is no right of an option: write C, P, call, put, CE or PE"


@dataclass(frozen=True)
class Expiries:
    """Finds rows that lie after the day of expiry, which ends by the clock of `time_zone`."""

    time_zone: str

    def __call__(self, parsed: Parsed) -> Iterator[Fault]:
        """The rows."""
        expiries = pc.if_else(parsed.good, parsed.values["expiry"], None).dictionary_encode()
        ends = pa.array([self._end(day) for day in expiries.dictionary.to_pylist()], INSTANT).take(expiries.indices)
        late = pc.fill_null(pc.greater_equal(parsed.values["time"], ends), fill_value=False)
        for index in pc.indices_nonzero(late).to_pylist():
            said = parsed.values["time"][index].as_py()
            day = parsed.values["expiry"][index].as_py()
            yield Fault(index, "expiry", f'"{day}" is over at the time of the row, {said:%Y-%m-%dT%H:%M:%SZ}')

    def _end(self, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(self.time_zone))


@dataclass
class DoubtfulQuotes:
    """Takes down which quotes are negative or crossed: they are stored as they are. The first are described."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def __call__(self, parsed: Parsed) -> Iterator[Fault]:
        """Finds no fault. An ask of 0 is none, and crosses nothing."""
        bids, asks = (pc.if_else(parsed.good, parsed.values[name], None).cast(pa.float64()) for name in ("bid", "ask"))
        crossed = pc.and_(pc.greater(bids, asks), pc.not_equal(asks, 0))
        negative = pc.or_kleene(pc.less(bids, 0), pc.less(asks, 0))
        doubtful = pc.indices_nonzero(pc.fill_null(pc.or_kleene(crossed, negative), fill_value=False))
        self.count += len(doubtful)
        for index in doubtful.slice(0, _MOST_NAMED - len(self.named)).to_pylist():
            bid, ask = (parsed.values[name][index].as_py() for name in ("bid", "ask"))
            what = "negative" if negative[index].as_py() else "crossed"
            self.named.append(f"{parsed.word} {parsed.rows.lines[index]}: {what}: bid {bid}, ask {ask}")
        return iter(())


class SeenContractMinutes:
    """Which minutes of which contract a file has had, and on which line."""

    def __init__(self) -> None:
        self._lines: dict[tuple[object, ...], int] = {}

    def __call__(self, parsed: Parsed) -> Iterator[Fault]:
        """The rows whose contract has their minute already."""
        good = pc.indices_nonzero(parsed.good)
        columns = [*(parsed.values[name] for name in NAMES), parsed.minutes()]
        rows = zip(*(column.take(good).to_pylist() for column in columns), strict=True)
        for index, row in zip(good.to_pylist(), rows, strict=True):
            line = parsed.rows.lines[index].as_py()
            first = self._lines.setdefault(row, line)
            if first != line:
                yield Fault(index, "time", f"the contract's minute is already on {parsed.word} {first}")
