"""An expression that reads rows of JSON written alike: a narrow one, for what it does not match goes line by line."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind

# The member of a row that names its instrument.
INSTRUMENT = "instrument"
MOST_KEY = 200  # characters
_TEXT = r'"([ !#-\[\]-~]*)"'
_KEY = rf'"([ !#-\[\]-~]{{0,{MOST_KEY}}})"'
_MOMENT = r'"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|\+00:00))"'
_WHOLE = r"(?:0|[1-9][0-9]{0,29})"
_NUMBER = rf"{_WHOLE}(?:\.[0-9]{{1,30}})?"
_VALUES: Mapping[Kind, str] = {
    Kind.INTEGER: r"-?(?:0|[1-9][0-9]{0,8})",
    Kind.BIGINT: r"-?(?:0|[1-9][0-9]{0,17})",
    Kind.DECIMAL: f"-?{_NUMBER}",
    Kind.REAL: f"-?{_NUMBER}",
}


def row_pattern(dataset: Dataset, names: Sequence[str], text: str) -> re.Pattern[str] | None:
    """What matches rows that have these members in this order, a group each, as the first row of a text has them.

    None where a member is of no column, or of a kind that is read by JSON alone.
    """
    first = text[: text.index("\n")]
    is_quoted = tuple(re.search(rf'"{re.escape(name)}": ?"', first) is not None for name in names)
    columns = tuple((name, dataset.columns[name]) for name in dataset.said)
    return _compiled(dataset.name, columns, dataset.unsigned, tuple(names), is_quoted)


@lru_cache(maxsize=64)
def _compiled(
    _name: str,
    columns: Sequence[tuple[str, Kind]],
    unsigned: Sequence[str],
    names: Sequence[str],
    is_quoted: Sequence[bool],
) -> re.Pattern[str] | None:
    kinds = dict(columns)
    members = []
    for name, quoted in zip(names, is_quoted, strict=True):
        value = _KEY if name == INSTRUMENT else _value(kinds.get(name), quoted, name in unsigned)
        if value is None:
            return None
        members.append(f'"{name}": ?{value}')
    return re.compile(r"^\{" + ", ?".join(members) + r"\}$", re.MULTILINE)


def _value(kind: Kind | None, quoted: bool, unsigned: bool) -> str | None:
    if kind is Kind.TEXT:
        return _TEXT
    if kind is Kind.TIME:
        return _MOMENT
    if kind is Kind.FLAG:
        return "(true|false)"
    value = _VALUES.get(kind) if kind else None
    if value is None:
        return None
    value = value.removeprefix("-?") if unsigned else value
    return f'"({value})"' if quoted else f"({value})"
