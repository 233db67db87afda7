"""What the command line says of a file: how it is laid out, where its columns are, how it writes times and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Unit(StrEnum):
    """What a whole number of a time counts."""

    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"
    EXCEL = "excel"


class DayOrder(StrEnum):
    """Whether 09/04/2020 is the ninth of April or the fourth of September."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


@dataclass(frozen=True)
class Asked:
    """What is said of a file; what is not is judged by the file.

    Attributes:
        format: the name of a layout, or the vendor whose layouts it may have.
        columns: our columns, each by its name or its place (from 1 on) in the file, or by two of them joined by a plus.
        time_unit: what its times count, where they are numbers.
        time_zone: whose clock its times are by, where they have no offset.
        day_order: whether its dates begin with the day or with the month.
        decimal_comma: whether a comma begins its decimals, or else parts thousands.
        ticker: whose rows to take of a file that has those of several.
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: Unit | None = None
    time_zone: str | None = None
    day_order: DayOrder | None = None
    decimal_comma: bool | None = None
    ticker: str | None = None


NOTHING = Asked()
