"""Answers as frames of polars and pandas: the same columns and types whatever the rows, also where there are none."""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import itemgetter
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from chandlery_client.errors import BadAnswer, BadArgument, FrameError, MissingExtra

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Columns = Mapping[str, Sequence[Any]]
Decimals = Literal["exact", "float", "text"]
_PRECISION, _SCALE = 38, 18


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a frame; `kind` is what its values are, but for None."""

    name: str
    kind: type
    scale: int = _SCALE


@cache
def columns_of(row: type) -> tuple[Column, ...]:
    """The columns of a type of rows, in the order of its fields.

    Raises:
        BadArgument: the type does not say them.
    """
    if not is_dataclass(row):
        raise BadArgument("rows of any data set have no columns that are known before: make a frame of their list")
    hints = get_type_hints(row)
    return tuple(Column(each.name, _kind(hints[each.name]), each.metadata.get("scale", _SCALE)) for each in fields(row))


def _kind(hint: Any) -> type:
    """What a column holds: one of the plain types, or `dict` for what is nested and becomes JSON."""
    if isinstance(hint, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is not None or is_dataclass(hint):
        return dict
    return str if issubclass(hint, Enum) else hint


def to_columns(row: type, rows: Sequence[dict[str, Any]]) -> Columns:
    """The values of plain rows by column.

    Raises:
        BadAnswer: a row lacks one.
    """
    names = [column.name for column in columns_of(row)]
    try:
        values = zip(*map(itemgetter(*names), rows), strict=True) if rows else ((),) * len(names)
        return dict(zip(names, values, strict=True))
    except KeyError as error:
        raise BadAnswer(f"a row has no member {error}") from None


def to_polars(
    row: type, rows: Sequence[dict[str, Any]], decimals: Decimals, scale: int | None = None
) -> "pl.DataFrame":
    """A frame of polars: times in UTC, decimals with all digits.

    Raises:
        FrameError: a decimal does not fit into 38 digits, or its column's scale.
        MissingExtra: polars is not installed.
    """
    polars = _import("polars")
    columns = to_columns(row, rows)
    series = [_series(polars, each, columns[each.name], decimals, scale) for each in columns_of(row)]
    frame: pl.DataFrame = polars.DataFrame(series)
    return frame


def _series(polars: Any, column: Column, values: Sequence[Any], decimals: Decimals, scale: int | None) -> Any:
    if column.kind in (Decimal, float, datetime, date, dict):
        texts = [_text(value) for value in values] if _has_others(values) else values
        return _CASTS[column.kind](
            polars, column, polars.Series(column.name, texts, dtype=polars.String), decimals, scale
        )
    kinds = {str: polars.String, int: polars.Int64, bool: polars.Boolean}
    return polars.Series(column.name, values, dtype=kinds[column.kind])


def _has_others(values: Sequence[Any]) -> bool:
    return not {str, NoneType}.issuperset(set(map(type, values)))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _decimal(polars: Any, column: Column, texts: Any, decimals: Decimals, scale: int | None) -> Any:
    if decimals == "text":
        return texts
    if decimals == "float":
        return texts.cast(polars.Float64)
    places = column.scale if scale is None or column.scale != _SCALE else scale
    _check_fits(column, texts, places)
    return texts.str.to_decimal(scale=places).cast(polars.Decimal(_PRECISION, places))


def _check_fits(column: Column, texts: Any, places: int) -> None:
    """Refuse digits that would be lost; short texts, which nearly all are, need no look."""
    if (texts.str.len_bytes().max() or 0) <= min(places, _PRECISION - places):
        return
    lost = texts.str.contains(rf"\.\d{{{places}}}\d*[1-9]|^[+-]?\d{{{_PRECISION - places + 1},}}|[eE]")
    if lost.any():
        value = texts.filter(lost)[0]
        raise FrameError(
            f"{column.name}: {value} does not fit into {_PRECISION} digits, {places} of them behind the point; give"
            " scale=…, or decimals='text' for all digits as text"
        )


_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%#z", "%Y-%m-%dT%H:%M:%S%.f%#z")


def _time(_polars: Any, _column: Column, texts: Any, *_: Any) -> Any:
    # With a fraction or without one: mostly without.
    form = _TIME_FORMATS[bool(texts.str.contains(".", literal=True).any())]
    return texts.str.to_datetime(format=form, time_unit="us", time_zone="UTC", strict=True)


_CASTS: Mapping[type, Callable[..., Any]] = {
    Decimal: _decimal,
    float: lambda polars, _column, texts, *_: texts.cast(polars.Float64),
    datetime: _time,
    date: lambda _polars, _column, texts, *_: texts.str.to_date("%Y-%m-%d"),
    dict: lambda _polars, _column, texts, *_: texts,
}


def to_pandas(row: type, rows: Sequence[dict[str, Any]], decimals: Decimals) -> "pd.DataFrame":
    """A frame of pandas: times in UTC, decimals as Python's, with all digits. Rows with a time have it as their index.

    Raises:
        MissingExtra: pandas is not installed.
    """
    pandas = _import("pandas")
    columns = to_columns(row, rows)
    frame = pandas.DataFrame(
        {each.name: _values(pandas, each, columns[each.name], decimals) for each in columns_of(row)}
    )
    return frame.set_index("time") if "time" in frame.columns else frame


def _values(pandas: Any, column: Column, values: Sequence[Any], decimals: Decimals) -> Any:
    if column.kind is datetime:
        times = pandas.to_datetime(pandas.Series(values, dtype="object"), utc=True, format="ISO8601")
        return times.astype("datetime64[us, UTC]")
    if column.kind is Decimal and decimals == "exact":
        exact = [None if value is None else Decimal(str(value)) for value in values]
        return pandas.Series(exact, dtype="object")
    if column.kind is float or (column.kind is Decimal and decimals == "float"):
        return pandas.Series([None if value is None else float(value) for value in values], dtype="Float64")
    if column.kind is date:
        return pandas.Series([None if value is None else date.fromisoformat(value) for value in values], dtype="object")
    if column.kind in (int, bool):
        return pandas.Series(values, dtype={int: "Int64", bool: "boolean"}[column.kind])
    return pandas.Series([_text(value) for value in values], dtype="string")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(f"{name} is not installed: pip install 'chandlery-client[{name}]'") from error
