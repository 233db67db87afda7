"""The rules that a layout declares, made for one reading of one file."""

from collections.abc import Sequence

from local.market_file.asked import Asked
from local.market_file.clocks import Clock
from local.market_file.errors import UnreadableFile
from local.market_file.layouts import Holds, Layout
from local.market_file.rules import FlatWithoutVolume, Missing, OneMinute, Only, Rule, Spacing, Ticker, Undefined


def rules_of(file: str, layout: Layout, names: Sequence[str], clock: Clock, asked: Asked) -> Sequence[Rule]:
    """The rules of a file with columns of these names, in the order in which they hold.

    Raises:
        UnreadableFile: a ticker is asked for, and no column has any.
    """
    by_name = {_bare(name): name for name in names}
    rules: list[Rule] = []
    ticker = next((by_name[each.lower()] for each in layout.tickers if each.lower() in by_name), None)
    if asked.ticker and not ticker and not layout.stacked:
        raise UnreadableFile(file, f"has no column that says whose a row is; leave out --ticker {asked.ticker}")
    if ticker:
        rules.append(Ticker({"ticker": ticker}, file=file, wanted=asked.ticker))
    for title, (words, otherwise) in layout.only.items():
        refused_in = file if layout.refuses_others else ""
        rules.append(Only({"word": by_name[title.lower()]}, words, otherwise, refused_in))
    if layout.undefined:
        rules.append(Undefined({}))
    if layout.fills_closed_hours:
        rules.append(FlatWithoutVolume({}))
    if layout.ends:
        rules.append(OneMinute({"ends": by_name[layout.ends]}, file, clock.instants))
    elif layout.holds is Holds.CANDLES:
        rules.append(Spacing({}))
    if layout.numbered:
        keys = ("id", "first_trade", "last_trade")
        extra = {key: by_name[name] for key, name in zip(keys, layout.numbered, strict=False)}
        rules.append(Missing(extra, layout.numbers))
    return rules


def _bare(name: str) -> str:
    """A column's name, also where its place stands before it."""
    return (name.partition(" (")[2].removesuffix(")") or name).strip().lower()
