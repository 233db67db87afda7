"""Which files are meant: those that are named, and those of a folder that is."""

from collections.abc import Sequence
from pathlib import Path

from chandlery.platform.errors import Permanent
from chandlery.words.counting import spell
from local.command_line.output import err

_PACKED = {".gz", ".zip", ".zst"}
_ENDINGS = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq"}
_ASIDE = ".bad.csv"


def list_files(paths: Sequence[Path]) -> Sequence[Path]:
    """The files in order: of a folder those that can be read, by name; others in it are counted on stderr.

    Raises:
        Permanent: a folder has none.
    """
    return [file for path in paths for file in (_files_in(path) if path.is_dir() else [path])]


def _files_in(folder: Path) -> Sequence[Path]:
    files = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    found = [each for each in files if _can_be_read(each)]
    if not found:
        raise Permanent(f"{folder} holds no file that can be read here; these end in {' '.join(sorted(_ENDINGS))}")
    if len(found) < len(files):
        told = f"{folder}: {spell(len(files) - len(found), 'other file')} left out"
        err.print(told, style="yellow", markup=False, soft_wrap=True)
    return found


def _can_be_read(file: Path) -> bool:
    if file.name.endswith(_ASIDE):
        return False
    suffix = file.suffix.lower()
    return suffix in _ENDINGS or suffix == ".zip" or (suffix in _PACKED and Path(file.stem).suffix.lower() in _ENDINGS)
