"""What can be wrong with a market file; every message is one line and names the file."""

from typing import Literal

from local.errors import Explained

RowWord = Literal["line", "row"]


class MarketFileError(Explained, ValueError):
    """A file of ticks or candles cannot be used as it is."""


class UnreadableFile(MarketFileError):
    """The file as a whole cannot be read: absent, empty, corrupt, not text, or without a needed column.

    Attributes:
        file: the file's name, without its folder.
        reason: what is wrong and what to do.
    """

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class BadRow(MarketFileError):
    """One row of the file is wrong.

    Attributes:
        file: the file's name, without its folder.
        line: where the row starts: 1-based line of a CSV file, header and blank lines counted; 1-based row of
            a Parquet file.
        column: the column at fault; None if the row has the wrong number of columns.
        reason: what is wrong with the value.
        text: the row itself, as CSV.
    """

    def __init__(
        self, file: str, line: int, column: str | None, reason: str, *, text: str = "", word: RowWord = "line"
    ) -> None:
        where = f"{file} {word} {line}" + (f", column {column}" if column else "")
        super().__init__(f"{where}: {reason}")
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason
        self.text = text
