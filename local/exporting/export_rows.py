"""Export rows: each file that they come to, one after the other."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from psycopg import Connection

from local.exporting.selection import Content, Selection, plan, stream


class By(StrEnum):
    """What has files of its own."""

    INSTRUMENT = "instrument"
    DAY = "day"


class Format(StrEnum):
    """The kinds of files."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class ExportReport:
    """What was written; `files_kept` were there already, `as_text` are columns whose numbers no decimal holds."""

    files: int
    rows: int
    files_kept: int
    as_text: Sequence[str]


def export_rows(
    connection: Connection,
    selection: Selection,
    target: Path,
    format_: Format,
    *,
    by: Collection[By] = (),
    resume: bool = False,
    progress: Callable[[int, int, Path], None] = lambda *_: None,
) -> ExportReport:
    """Write all rows of a selection: twice is once.

    Each file is of one moment, and there once it is whole; no rows make no file, and none is removed.

    Args:
        connection: in autocommit mode.
        selection: whole days, where these have files of their own.
        target: a file; with `by` a folder.
        format_: what is written.
        by: what has files of its own.
        resume: whether files that are there stay as they are.
        progress: takes rows done, all rows, and the file under way.

    Raises:
        Retryable, Permanent: from the database; a file cannot be written.
    """
    from local.exporting.files import Csv, Parquet, whole  # imported here: pyarrow takes a while

    is_parquet = format_ is Format.PARQUET
    contents = plan(
        connection, selection, by_instrument=By.INSTRUMENT in by, by_day=By.DAY in by, numbers_fit=is_parquet
    )
    # The same of all files, so that they read as one table.
    as_text = _beyond_decimals(selection, contents) if is_parquet else []
    layout = Parquet(selection.values, as_text) if is_parquet else Csv(selection.values)
    name = selection.relation + layout.suffix
    files = {_place(target, content) / name if by else target: content for content in contents}
    left = {path: content for path, content in files.items() if not (resume and path.exists())}
    total, done = sum(content.rows for content in left.values()), 0
    for path, content in left.items():
        with whole(path) as file:
            for rows in layout.write(file, stream(connection, selection.within(content))):
                done += rows
                progress(done, total, path)
    return ExportReport(len(left), done, len(files) - len(left), as_text)


def _beyond_decimals(selection: Selection, contents: Sequence[Content]) -> Sequence[str]:
    return [name for at, name in enumerate(selection.decimals()) if not all(each.fits[at] for each in contents)]


def _place(folder: Path, content: Content) -> Path:
    """The folder of a file, named as Hive names partitions; no column of the file goes by either name."""
    named: Mapping[str, object] = {"instrument": content.key and quote(content.key, safe="@"), "date": content.day}
    return folder.joinpath(*(f"{name}={value}" for name, value in named.items() if value is not None))
