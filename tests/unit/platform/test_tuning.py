"""What a server is set to for a machine, and when what is found is as wanted."""

import pytest

from chandlery.platform.domain.tuning import Compared, Fit, Machine, Setting, compare, tune

GIB = 2**30


def wanted(memory_gib: int = 16, cores: int = 4, connections: int = 100, workers: int = 13) -> dict[str, Setting]:
    return {each.name: each for each in tune(Machine(memory_gib * GIB, cores, connections), workers)}


def test_a_machine_of_16_gb_and_four_cores_is_set_so() -> None:
    assert {name: setting.written for name, setting in wanted().items()} == {
        "shared_preload_libraries": "timescaledb",
        "shared_buffers": "4GB",
        "effective_cache_size": "12GB",
        "maintenance_work_mem": "1GB",
        "work_mem": "20MB",
        "max_connections": "100",
        "timescaledb.max_background_workers": "13",
        "max_parallel_workers": "4",
        "max_parallel_workers_per_gather": "2",
        "max_worker_processes": "20",
        "max_wal_size": "2GB",
        "min_wal_size": "512MB",
        "wal_buffers": "16MB",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "max_locks_per_transaction": "256",
    }


@pytest.mark.parametrize("memory", [1, 2, 7, 8, 31, 32, 64, 512, 4096])
@pytest.mark.parametrize("connections", [1, 100, 5000])
def test_what_is_promised_fits_into_the_memory(memory: int, connections: int) -> None:
    found = wanted(memory, 8, connections)
    size = {name: setting.value for name, setting in found.items() if isinstance(setting.value, int)}
    assert size["shared_buffers"] + size["maintenance_work_mem"] < memory * GIB / 2
    # Nobody gets less than PostgreSQL's own 4 MB, however many there are.
    assert size["work_mem"] == 4 * 2**20 or size["work_mem"] * connections * 4 <= memory * GIB / 4
    assert size["max_worker_processes"] > size["timescaledb.max_background_workers"] + size["max_parallel_workers"]


@pytest.mark.parametrize(("memory", "cores"), [(0, 4), (16, 0)])
def test_a_machine_that_is_too_small_is_refused(memory: int, cores: int) -> None:
    with pytest.raises(ValueError, match="1 GB of memory"):
        wanted(memory, cores)


@pytest.mark.parametrize(
    ("fit", "value", "found", "fits"),
    [
        (Fit.NEAR, 4 * GIB, str(3 * GIB), True),
        (Fit.NEAR, 4 * GIB, str(2 * GIB), False),
        (Fit.NEAR, 4 * GIB, str(6 * GIB), False),
        (Fit.ENOUGH, 13, "32", True),
        (Fit.ENOUGH, 13, "12", False),
        (Fit.SAME, 1.1, "1.1", True),
        (Fit.SAME, 1.1, "4", False),
        (Fit.NAMED, "timescaledb", "pg_stat_statements, timescaledb", True),
        (Fit.NAMED, "timescaledb", "timescaledb_toolkit", False),
        (Fit.SAME, 4, None, False),
    ],
)
def test_when_what_is_found_is_as_wanted(fit: Fit, value: float | str, found: str | None, *, fits: bool) -> None:
    assert Compared(Setting("name", value, fit, "why"), found).fits is fits


def test_a_library_is_added_to_those_there_each_quoted_by_itself() -> None:
    (compared,) = compare([wanted()["shared_preload_libraries"]], {"shared_preload_libraries": ("a, b", True)})
    assert compared.statement == "ALTER SYSTEM SET shared_preload_libraries = 'timescaledb', 'a', 'b';"
    assert compared.needs_restart
