"""How files write numbers: with decimal commas, parted thousands, or scaled by a power of ten; in one way each."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.values import Parsed, quote

# What a comma, and what a point, can be alone.
_DECIMAL = r"[+-]?[0-9]*{mark}(?:[0-9]{{0,2}}|[0-9]{{4,}})"
_PARTED = r"[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+"
_LEADING_ZERO = r"[+-]?0{mark}[0-9]+"
_WELL_PARTED = {mark: rf"\A[+-]?[0-9]{{1,3}}(?:{re.escape(mark)}[0-9]{{3}})*(?:[^0-9{mark}].*)?\z" for mark in ",."}


class UnclearNumbers(ValueError):
    """A file's numbers can be read in more than one way."""


@dataclass(frozen=True)
class Written:
    """How a file writes numbers: `decimal` begins decimals, and the other of point and comma may part thousands."""

    decimal: str = "."
    has_thousands: bool = False

    def __str__(self) -> str:
        if self.decimal == ",":
            return "decimal commas"
        return "commas between thousands" if self.has_thousands else ""

    @property
    def is_plain(self) -> bool:
        """Whether numbers are as PostgreSQL reads them."""
        return self.decimal == "." and not self.has_thousands

    def plain(self, texts: pa.Array) -> pa.Array:
        """Numbers as PostgreSQL reads them; what is not written this way stays as it is, and is no number then."""
        texts = pc.utf8_trim_whitespace(texts)
        if self.decimal == ",":
            well = pc.match_substring_regex(texts, _WELL_PARTED["."])
            bare = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".", max_replacements=1)
            loose = pc.invert(pc.match_substring(texts, "."))
            return pc.if_else(pc.or_(loose, well), bare, pc.binary_join_element_wise(texts, "?", ""))
        well = pc.match_substring_regex(texts, _WELL_PARTED[","])
        return pc.if_else(well, pc.replace_substring(texts, ",", ""), texts)


PLAIN = Written()


def parse_written(
    texts: pa.Array, *, parse: Callable[[pa.Array], Parsed], written: Written = PLAIN, power: int = 0
) -> Parsed:
    """What `parse` makes of numbers that are written in a file's own way, times ten to the power of `power`."""
    plain = texts if written.is_plain else written.plain(texts)
    parsed = parse(plain)
    values = _scaled(parsed.values, power) if power else parsed.values
    return Parsed(values, parsed.bad, lambda text: _explain(text, parsed.reason, written))


def judge_numbers(cells: Iterable[tuple[int, str]], decimal_comma: bool | None) -> Written:
    """How the numbers of a file are written, by its first ones and what the command line says.

    Raises:
        UnclearNumbers: its commas can begin decimals as well as part thousands.
    """
    if decimal_comma:
        return Written(",")
    numbers = [(line, text.strip()) for line, text in cells]
    with_commas = [each for each in numbers if "," in each[1]]
    if not with_commas:
        return PLAIN
    if decimal_comma is False or any(_has_decimals(text, ".") for _, text in numbers):
        return Written(has_thousands=True)
    if any(_has_decimals(text, ",") for _, text in with_commas):
        return Written(",")
    line, text = with_commas[0]
    if re.fullmatch(_PARTED.format(mark=","), text) is None:
        return PLAIN
    raise UnclearNumbers(
        f"line {line}: {quote(text)} is {text.replace(',', '.')} or {text.replace(',', '')}, and no number of the first"
        " rows tells which: give --decimal-comma, or --no-decimal-comma where commas part thousands"
    )


def _has_decimals(text: str, mark: str) -> bool:
    other = re.escape("," if mark == "." else ".")
    escaped = re.escape(mark)
    alone = (_DECIMAL.format(mark=escaped), _LEADING_ZERO.format(mark=escaped))
    behind_parts = rf"{_PARTED.format(mark=other)}{escaped}[0-9]*"
    return any(re.fullmatch(pattern, text) for pattern in (*alone, behind_parts))


def _scaled(numbers: pa.Array, power: int) -> pa.Array:
    """Numbers times a power of ten, written out; what is none becomes null."""
    if power < 0 and pc.all(pc.match_substring_regex(numbers, r"\A-?[0-9]+\z"), min_count=0).as_py():
        sign = pc.if_else(pc.starts_with(numbers, "-"), "-", "")
        digits = pc.utf8_lpad(pc.utf8_ltrim(numbers, "-"), 1 - power, "0")
        whole, part = pc.utf8_slice_codeunits(digits, 0, power), pc.utf8_slice_codeunits(digits, power)
        return pc.binary_join_element_wise(pc.binary_join_element_wise(sign, whole, ""), part, ".")
    return pa.array([_scale(text, power) for text in numbers.to_pylist()], pa.string())


def _scale(text: str | None, power: int) -> str | None:
    try:
        return None if text is None else f"{Decimal(text).scaleb(power):f}"
    except ArithmeticError:
        return None


def _explain(text: str, reason: Callable[[str], str], written: Written) -> str:
    if written.decimal == "," and "." in text:
        return f"{quote(text)} is not a number with a decimal comma"
    if written.is_plain and "," in text:
        return f"{quote(text)} is not a number; if a comma begins its decimals: --decimal-comma"
    plain: str = written.plain(pa.array([text]))[0].as_py() if not written.is_plain else text
    return reason(plain)
