"""Rules of one timeframe as fragments of SQL, which `judge_rules.sql` and `read_source` put together.

Numbers and texts that somebody wrote are parameters; what becomes SQL are names that were looked up, and places.
"""

# ruff: noqa: S608  # see above

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chandlery.datasets.candles import CANDLES
from chandlery.signals.domain.rule import Rule
from chandlery.signals.domain.source import Source, enough_since, source_of
from chandlery.signals.domain.syntax import (
    Arithmetic,
    Column,
    Comparison,
    Condition,
    Crossing,
    IndicatorValue,
    Joined,
    Lag,
    Not,
    Number,
    Operand,
    Reference,
    references,
)
from chandlery.words.timeframe import Timeframe

_VALUES = ("value", "value_2", "value_3")
_SQL_SIGNS = {"==": "=", "!=": "<>"}
# Candles of a coarser timeframe before the first one judged: the last of them may not be known there yet.
_EARLIER = 3
_CANDLE = ("open", "high", "low", "close", "volume", "turnover", "trades")


@dataclass
class Compiled:
    """Rules of one timeframe, numbered from one in their order."""

    timeframe: Timeframe
    rules: Sequence[Rule]
    numbers: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @cached_property
    def own(self) -> Source:
        """The rules' own candles."""
        return Source(self.timeframe, CANDLES.name)

    @cached_property
    def names(self) -> Mapping[Reference, str]:
        """All that is referred to, with the name of its column."""
        found = dict.fromkeys(each for rule in self.rules for each in rule.references())
        return {each: f"v{number}" for number, each in enumerate(found, 1)}

    @cached_property
    def sources(self) -> Sequence[Source]:
        """Those other than the rules' own candles."""
        return list(dict.fromkeys(source for each in self.names if (source := source_of(each)) != self.own))

    @cached_property
    def indicators(self) -> Sequence[tuple[Timeframe, str, Mapping[str, float]]]:
        """The indicators that are read, each once; their values are found by their places here."""
        return [(timeframe, name, dict(parameters)) for timeframe, name, parameters in self._indicators]

    @cached_property
    def _indicators(self) -> Sequence[tuple[Timeframe, str, tuple[tuple[str, float], ...]]]:
        some = (each for each in self.names if isinstance(each, IndicatorValue))
        return list(dict.fromkeys((each.timeframe, each.name, each.parameters) for each in some))

    @property
    def before(self) -> int:
        """Candles before the first one judged."""
        return max(rule.depth for rule in self.rules)

    @property
    def beyond(self) -> int:
        """Candles after the last one that changed which may come out otherwise."""
        return self.before + max((_ratio(each.timeframe, self.timeframe) for each in self.sources), default=0)

    @property
    def tables(self) -> Sequence[str]:
        """Those that are read, by the names under which retention drops their rows."""
        found = [each.declared.stored_in(each.timeframe) for each in (self.own, *self.sources)]
        return [*dict.fromkeys(found), *(["indicator_values"] if self._indicators else [])]

    def fragments(self) -> Mapping[str, str]:
        """The fragments, by the variables of `judge_rules.sql`."""
        judged = ",\n".join(self._judged(number, rule) for number, rule in enumerate(self.rules, 1))
        return {
            "columns": "".join(self._own_columns()),
            "complete": self.own.complete,
            "known": self.own.known_at("s.calendar", "c.time"),
            "sources": "".join(self._source(number, each) for number, each in enumerate(self.sources, 1)),
            "values": "".join(f", {read} AS {self.names[each]}" for each, read in self._values()),
            "seen": "".join(f", source_{n}.times[place_{n}.n] AS t{n}" for n, _ in enumerate(self.sources, 1)),
            "joins": "".join(self._joins()),
            "lags": "".join(self._lags()),
            "judged": judged,
        }

    def parameters(self) -> Mapping[str, Any]:
        """What the fragments refer to, once they are made; and how much is read around what changed."""
        return {
            "numbers": self.numbers,
            "texts": self.texts,
            "before": self.before,
            "beyond": self.beyond,
        }

    def copied(self) -> Mapping[str, Mapping[str, str]]:
        """The relations that are read, and what of them, for `cut_data.sql`."""
        found: dict[str, Mapping[str, str]] = {}
        for source in (self.own, *self.sources):
            is_candles = source.declared is CANDLES
            columns = source.declared.columns if is_candles else source.declared.rollup_of(source.timeframe).columns
            names = [*_CANDLE, source.complete.split()[-1 if source.declared.is_own(source.timeframe) else 0]]
            some = ["time", *names] if is_candles else sorted({*columns} - {"instrument_id"})
            # By the clock, and not by what says when a bucket is known: that is to be shown.
            ends = source.known_at("i.calendar", "time") if source.by_session else f"time + {source.width}"
            found[source.declared.relation(source.timeframe)] = {
                "columns": ", ".join(some),
                "closed": f"{ends} <= i.cut",
                "since": f" AND time > i.cut - i.candles * {source.width}" if source.by_session else "",
            }
        return found

    def described(self) -> Sequence[Mapping[str, Any]]:
        """Each reference as `indicators_used` names it, in the order of the columns."""
        return [_described(each) for each in self.names]

    def _own_columns(self) -> Iterator[str]:
        for each, name in self.names.items():
            if isinstance(each, Column) and source_of(each) == self.own:
                yield f", {self.own.read(each.name)} AS {name}"

    def _values(self) -> Iterator[tuple[Reference, str]]:
        for each, name in self.names.items():
            source = source_of(each)
            if source != self.own:
                number = self.sources.index(source) + 1
                yield each, f"source_{number}.{name}[place_{number}.n]"
            elif isinstance(each, IndicatorValue):
                yield each, f"own_{self._place(each)}.{_VALUES[each.place]}"

    def _place(self, value: IndicatorValue) -> int:
        return self._indicators.index((value.timeframe, value.name, value.parameters)) + 1

    def _joins(self) -> Iterator[str]:
        for timeframe, name, parameters in self._indicators:
            if timeframe is self.timeframe:
                place = self._indicators.index((timeframe, name, parameters)) + 1
                yield (
                    f"\n    LEFT JOIN stored AS own_{place}"
                    f" ON own_{place}.place = c.place AND own_{place}.number = {place} AND own_{place}.time = c.time"
                )
        for number, _ in enumerate(self.sources, 1):
            yield (
                f"\n    LEFT JOIN source_{number} ON source_{number}.place = c.place"
                f"\n    LEFT JOIN LATERAL (SELECT width_bucket(c.known_at, source_{number}.known) AS n)"
                f" AS place_{number} ON true"
            )

    def _source(self, number: int, source: Source) -> str:
        """Rows of a source as arrays in the order in which they are known: of the last one known its place is found."""
        mine = [each for each in self.names if source_of(each) == source]
        columns = [f", {source.read(each.name)} AS {self.names[each]}" for each in mine if isinstance(each, Column)]
        values = [each for each in mine if isinstance(each, IndicatorValue)]
        read = "".join(f", i{self._place(each)}.{_VALUES[each.place]} AS {self.names[each]}" for each in values)
        joins = "".join(
            "\n        LEFT JOIN LATERAL (\n            SELECT value, value_2, value_3 FROM market.indicator_values"
            f"\n            WHERE instrument_id = r.instrument_id AND time = c.time"
            f" AND indicator_id = (:'indicator_ids'::integer[])[{place}] OFFSET 0\n        ) AS i{place} ON true"
            for place in dict.fromkeys(map(self._place, values))
        )
        names = "".join(f", array_agg({self.names[each]} ORDER BY known_at) AS {self.names[each]}" for each in mine)
        chosen = "".join(
            f" AND {name} = {self._text(value)}::{source.declared.columns[name]}" for name, value in source.where
        )
        these = (
            f' FROM market."{source.declared.relation(source.timeframe)}"'
            f" WHERE instrument_id = r.instrument_id AND {source.complete}{chosen}"
        )
        rows = f"SELECT time{''.join(columns)}{these}"
        # A day of sessions is made of its parts when it is read: none but those that may be known are asked for.
        since = f"r.starts - 10 * {source.width}" if source.by_session else enough_since(these, source.width, _EARLIER)
        until = "time <= r.closed" if source.by_session else "time < r.known"
        return f"""
), source_{number} AS MATERIALIZED (
    SELECT place, array_agg(known_at ORDER BY known_at) AS known, array_agg(time ORDER BY known_at) AS times{names}
    FROM (
        SELECT r.place, {source.known_at("r.calendar", "c.time")} AS known_at, c.*{read}
        FROM reach AS r
        CROSS JOIN LATERAL (SELECT {since} AS since) AS b
        CROSS JOIN LATERAL (
            ({rows} AND time < r.starts AND time > b.since ORDER BY time DESC LIMIT {_EARLIER})
            UNION ALL
            ({rows} AND time >= r.starts AND {until})
        ) AS c{joins}
    ) AS seen
    GROUP BY place"""

    def _lags(self) -> Iterator[str]:
        for each, shift in dict.fromkeys(look for rule in self.rules for look in rule.looks()):
            if shift:
                name = self.names[each]
                yield f", lag({name}, {shift}) OVER so_far AS {_shifted(name, shift)}"

    def _judged(self, number: int, rule: Rule) -> str:
        holds = self._condition(rule.condition, 0)
        speaks = holds if rule.every else f"{holds} AND NOT {self._condition(rule.condition, 1)}"
        atr = self.names[rule.atr] if rule.atr else "NULL::double precision"
        said = " || ".join(self._said(part) for part in rule.rationale) or "''"
        used = dict.fromkeys(each for each, _ in references(rule.condition))
        described = ", ".join(self._used(each) for each in used)
        return (
            f"        ({number}, {speaks}, {atr}, CASE WHEN {speaks} THEN {said} END,"
            f"\n            CASE WHEN {speaks} THEN to_jsonb(ARRAY[{described}]) END)"
        )

    def _used(self, reference: Reference) -> str:
        name, place = self.names[reference], list(self.names).index(reference)
        source = source_of(reference)
        time = "time" if source == self.own else f"t{self.sources.index(source) + 1}"
        return f"(:'described'::jsonb -> {place}) || jsonb_build_object('value', {name}, 'time', {time})"

    def _said(self, part: str | Operand) -> str:
        if isinstance(part, str):
            return self._text(part)
        return f"coalesce(market.show_number({self._operand(part, 0)}), '?')"

    def _text(self, value: str) -> str:
        self.texts.append(value)
        return f"(:'texts'::text[])[{len(self.texts)}]"

    def _condition(self, node: Condition, shift: int) -> str:
        match node:
            case Not():
                return f"(NOT {self._condition(node.condition, shift)})"
            case Joined():
                left, right = self._condition(node.left, shift), self._condition(node.right, shift)
                return f"({left} {node.word.upper()} {right})"
            case Comparison():
                left, right = self._operand(node.left, shift), self._operand(node.right, shift)
                return f"({left} {_SQL_SIGNS.get(node.sign, node.sign)} {right})"
            case Crossing():
                was, now = ("<=", ">") if node.above else (">=", "<")
                left, right = (self._operand(each, shift + 1) for each in (node.left, node.right))
                left_now, right_now = (self._operand(each, shift) for each in (node.left, node.right))
                return f"({left} {was} {right} AND {left_now} {now} {right_now})"

    def _operand(self, node: Operand, shift: int) -> str:
        match node:
            case Number():
                self.numbers.append(node.value)
                return f"(:'numbers'::double precision[])[{len(self.numbers)}]"
            case Column() | IndicatorValue():
                return _shifted(self.names[node], shift)
            case Lag():
                return self._operand(node.operand, shift + node.candles)
            case Arithmetic():
                left, right = self._operand(node.left, shift), self._operand(node.right, shift)
                return f"({left} {node.sign} {f'nullif({right}, 0)' if node.sign == '/' else right})"


def _shifted(name: str, shift: int) -> str:
    return f"{name}_{shift}" if shift > 0 else f"{name}_ahead_{-shift}" if shift else name


def _ratio(coarse: Timeframe, fine: Timeframe) -> int:
    """How many buckets of one may lie in one of the other."""
    return int(coarse.longest / (fine.width or coarse.longest)) + 1


def _described(reference: Reference) -> Mapping[str, Any]:
    if isinstance(reference, IndicatorValue):
        return {
            "name": reference.name,
            "output": reference.output,
            "parameters": dict(reference.parameters),
            "timeframe": reference.timeframe,
        }
    of = {} if source_of(reference).declared is CANDLES else {"dataset": reference.dataset}
    return {"name": reference.name, "parameters": dict(reference.where), "timeframe": reference.timeframe} | of
