"""How a server is best set for a machine: memory, workers, WAL, connections."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile

_KIB, _MIB, _GIB = 2**10, 2**20, 2**30
_UNITS = ((_GIB, "GB"), (_MIB, "MB"), (_KIB, "kB"))
_NEAR = 0.25


class Fit(Enum):
    """When what is found is as wanted."""

    NEAR = "near"  # within a quarter of it
    ENOUGH = "enough"  # as much, or more
    SAME = "same"
    NAMED = "named"  # the word wanted is one of those found


@dataclass(frozen=True)
class Machine:
    """What a server runs on alone, and the connections it is to take."""

    memory_bytes: int
    cores: int
    connections: int


@dataclass(frozen=True)
class Setting:
    """A setting of the server as it is best; `value` in bytes, seconds or counts, or a word."""

    name: str
    value: int | float | str
    fit: Fit
    why: str
    is_size: bool = False

    @property
    def written(self) -> str:
        """The value as ALTER SYSTEM takes it, unquoted."""
        return _written(self.value) if self.is_size and isinstance(self.value, int) else str(self.value)


@dataclass(frozen=True)
class Compared:
    """A setting beside what a server has; `found` is null where it does not know the name."""

    setting: Setting
    found: str | None
    needs_restart: bool = False

    @property
    def found_plainly(self) -> str | None:
        """What is found, written as what is wanted."""
        return _written(int(self.found)) if self.found and self.setting.is_size else self.found

    @property
    def fits(self) -> bool:
        """Whether what is found is as wanted."""
        wanted, found = self.setting.value, self.found
        if found is None:
            return False
        if isinstance(wanted, str):
            return wanted in _words(found)
        number = float(found)
        if self.setting.fit is Fit.ENOUGH:
            return number >= wanted
        return abs(number - wanted) <= (_NEAR * wanted if self.setting.fit is Fit.NEAR else 1e-9)

    @property
    def statement(self) -> str:
        """What sets it; of a list, each member quoted by itself: all in one would be one name."""
        others = [word for word in _words(self.found or "") if self.setting.fit is Fit.NAMED]
        values = ", ".join(f"'{value}'" for value in (self.setting.written, *others))
        return f"ALTER SYSTEM SET {self.setting.name} = {values};"


def tune(machine: Machine, workers: int) -> Sequence[Setting]:
    """The settings for a machine that serves one database of ours; `workers` is how many background workers it needs.

    Raises:
        ValueError: the machine is too small for TimescaleDB.
    """
    if machine.memory_bytes < _GIB or machine.cores < 1 or machine.connections < 1:
        raise ValueError("a server needs 1 GB of memory, one core and one connection at least")
    return list(_settings(machine, workers))


def _settings(machine: Machine, workers: int) -> Iterator[Setting]:
    memory, cores = machine.memory_bytes, machine.cores
    helpers = max(cores // 2, 1)
    yield Setting("shared_preload_libraries", "timescaledb", Fit.NAMED, "TimescaleDB is loaded at the start")
    yield _size("shared_buffers", memory // 4, "a quarter of the memory")
    yield _size("effective_cache_size", memory * 3 // 4, "what the operating system caches counts in")
    yield _size("maintenance_work_mem", min(memory // 16, 2 * _GIB), "indexes, vacuum, columns")
    # The functions set their own (DATABASE_WORK_MEMORY_MB): this is everybody else's.
    each = memory // 4 // machine.connections // helpers
    yield _size(
        "work_mem",
        min(max(each, 4 * _MIB), _GIB),
        "a quarter of the memory, shared by all connections and their helpers",
    )
    yield Setting("max_connections", machine.connections, Fit.ENOUGH, "as asked for")
    yield Setting("timescaledb.max_background_workers", workers, Fit.ENOUGH, "no job waits for another to end")
    yield Setting("max_parallel_workers", cores, Fit.SAME, "one for each core")
    yield Setting("max_parallel_workers_per_gather", helpers, Fit.SAME, "one statement gets half of the cores")
    yield Setting("max_worker_processes", workers + cores + 3, Fit.ENOUGH, "both kinds of workers, and three more")
    yield _size("max_wal_size", min(max(memory // 8, _GIB), 16 * _GIB), "imports checkpoint by the clock", Fit.ENOUGH)
    yield _size("min_wal_size", 512 * _MIB, "WAL files are kept to be used again", Fit.ENOUGH)
    yield _size("wal_buffers", 16 * _MIB, "a segment of WAL", Fit.ENOUGH)
    yield Setting("checkpoint_completion_target", 0.9, Fit.SAME, "checkpoints are spread")
    yield Setting("random_page_cost", 1.1, Fit.SAME, "disks without heads")
    locks = 64 << len(list(takewhile(lambda bound: memory >= bound * _GIB, (8, 16, 32))))
    yield Setting("max_locks_per_transaction", locks, Fit.ENOUGH, "a statement locks every chunk it may touch")


def _written(size: int) -> str:
    """A size in the largest unit that it is a whole number of."""
    unit, name = next(((unit, name) for unit, name in _UNITS if size % unit == 0), (1, "B"))
    return f"{size // unit}{name}"


def _words(found: str) -> Sequence[str]:
    """The members of a setting that is a list."""
    return [word for each in found.split(",") if (word := each.strip(" \"'"))]


def _size(name: str, value: int, why: str, fit: Fit = Fit.NEAR) -> Setting:
    unit = _MIB if value >= _MIB else _KIB
    return Setting(name, value // unit * unit, fit, why, is_size=True)


def compare(settings: Sequence[Setting], found: Mapping[str, tuple[str, bool]]) -> Sequence[Compared]:
    """Each setting beside what a server has: its value and whether a change needs a restart, by name."""
    return [
        Compared(setting, *found[setting.name]) if setting.name in found else Compared(setting, None)
        for setting in settings
    ]
