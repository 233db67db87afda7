"""What is said of a file that no layout fits: what it looks like, and the flags that would read it."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from local.market_file.asked import Asked
from local.market_file.columns import Column
from local.market_file.dialect import Numbered
from local.market_file.errors import UnreadableFile
from local.market_file.layouts import Holds, Layout
from local.market_file.values import quote

_EXAMPLES: Mapping[Holds, str] = {
    Holds.TICKS: "time=1,price=2,size=3",
    Holds.CANDLES: "time=1,open=2,high=3,low=4,close=5,volume=6",
}
# Words in the names of columns that say what these are.
_WORDS = {
    "time": ("date", "time", "stamp", "moment"),
    "price": ("price", "last", "rate", "px"),
    "size": ("size", "volume", "vol", "qty", "quantity", "amount", "shares"),
    "volume": ("volume", "vol"),
}


def refuse_unknown(
    path: Path,
    names: Sequence[str],
    rows: Numbered,
    holds: Holds,
    columns: Sequence[Column],
    found: Sequence[Layout],
    asked: Asked,
) -> NoReturn:
    """Raise what is to be said of a file that is not of one known layout.

    Args:
        path: the file.
        names: of its columns; none where it has no header.
        rows: its first ones.
        holds: what is to be read of it.
        columns: that are looked for.
        found: the layouts that it fits, of other things or several.
        asked: what was said of it.
    """
    raise UnreadableFile(path.name, _why(names, rows, holds, columns, found, asked))


def guess_columns(names: Sequence[str], needed: Sequence[str]) -> Mapping[str, str]:
    """Which of a file's columns may be which of those that are needed, by their names; none twice."""
    found: dict[str, str] = {}
    free = [name.strip() for name in names if name.strip()]
    for ours in needed:
        lower = {name.lower(): name for name in free}
        exact = [lower[ours]] if ours in lower else []
        words = [name for name in free if any(word in name.lower() for word in _WORDS.get(ours, (ours,)))]
        near = [lower[each] for each in get_close_matches(ours, lower, n=1)]
        if likely := next(iter(exact or words or near), None):
            found[ours] = likely
            free.remove(likely)
    return found


def _why(
    names: Sequence[str],
    rows: Numbered,
    holds: Holds,
    columns: Sequence[Column],
    found: Sequence[Layout],
    asked: Asked,
) -> str:
    fitting = [layout for layout in found if layout.holds is holds]
    if fitting:
        told = " or ".join(layout.name for layout in fitting)
        return f"looks like {told}; say which: --format {fitting[0].name}"
    if found:
        layout = found[0]
        if layout.holds is Holds.QUOTES:
            return f"holds quotes ({layout.name}), bids and asks without trades: {holds} cannot be made of them"
        return f"holds {layout.holds} ({layout.name}): chandlery import {layout.holds} FILE"
    if asked.format:
        return f"is not laid out as {asked.format}; {_describe(names, rows)}"
    if not names:
        example = _example(rows, holds)
        return f"{_describe(names, rows)}; say in which place each column is: --columns {example}"
    needed = [column.name for column in columns if column.required]
    lacking = [name for name in needed if name not in {each.strip().lower() for each in names}]
    guessed = guess_columns(names, needed)
    flags = ",".join(f"{name}={guessed.get(name, 'NAME')}" for name in lacking)
    return (
        f"has no column {', '.join(lacking)}; its columns are: {_shown(names)}; say which is which: --columns {flags}"
    )


def _describe(names: Sequence[str], rows: Numbered) -> str:
    if names:
        return f"its columns are: {_shown(names)}"
    line, cells = rows[0]
    return f"has no header: line {line} is a row of {len(cells)} columns, {quote(','.join(cells))}"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(name.strip() for name in names)


def _example(rows: Numbered, holds: Holds) -> str:
    """The flags that would read rows without a header, if their columns are in the usual order."""
    cells = [cell.strip() for cell in rows[0][1]]
    at = next((at for at, cell in enumerate(cells) if re.fullmatch(r"[0-9]{9,}(\.[0-9]+)?|[0-9]{2,4}[-./].*", cell)), 0)
    names = [part.partition("=")[0] for part in _EXAMPLES[holds].split(",")]
    return ",".join(f"{name}={at + place}" for place, name in enumerate(names, 1))
