"""The artifacts: how large they are, and how long a cold start takes, with bytecode and without."""

import compileall
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median

from psycopg import Connection

from local.emulation.aws import INTERPRETER, Emulator
from local.emulation.stack import secret_of
from tests.artifacts import functions_of, layers_of, read_template, size_of, unpack
from tests.e2e.test_lambda_artifact import trade_a_day
from tests.extension_server import ExtensionServer

REPO = Path(__file__).resolve().parents[2]
ROUNDS = 5
LIBRARIES = "OPENBLAS_NUM_THREADS"
# Function → its event; of the HTTP API one that needs the database, and one that needs numpy and TA-Lib as well.
EVENTS = {
    "LiveProcessor": ["live_processor"],
    "OptionProcessor": ["option_processor"],
    "AlertProcessor": ["alert_processor"],
    "LiveGapMonitor": ["live_gap_monitor"],
    "PolicyMaintenance": ["policy_maintenance"],
    "HistoricalGapMonitor": ["historical_gap_monitor"],
    "HistoricalProcessor": ["historical_processor"],
    "SignalProcessor": ["signal_processor"],
    "TickIngest": ["tick_ingest_queue"],
    "HttpApi": ["http_api_health", "http_api_indicators"],
    "RecordApi": ["record_api_ticks"],
    "DeskApi": ["desk_api_alerts"],
    "Migrate": ["migrate_current"],
}
SCHEDULED = tuple(EVENTS)[:7]
# Lambda's side of a start: import the handler's module, call it. Prints the seconds of both, and of the processor.
START = """
import os, sys, time
printed, sys.stdout = sys.stdout, open(os.devnull, "w")
started, began = time.perf_counter(), time.process_time()
import importlib, json
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
imported = time.perf_counter()

class Context:
    aws_request_id = "00000000-0000-0000-0000-000000000000"
    function_name = "artifact"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:artifact"
    def get_remaining_time_in_millis(self):
        return 900_000

with open(sys.argv[2]) as file:
    event = json.load(file)
called = time.perf_counter()
handler(event, Context())
done = time.perf_counter()
print(json.dumps([imported - started, done - called, time.process_time() - began]), file=printed, flush=True)
"""


def test_sizes(built: Path, tmp_path: Path) -> None:
    print("\n" + f"{'function':<22}{'zipped':>10}{'unzipped':>10}   layers")
    zipped: dict[Path, int] = {}
    for name in functions_of(built):
        parts = [built / name, *layers_of(built, name)]
        for part in parts:
            if part not in zipped:
                zipped[part] = zipped_size(part, tmp_path)
        packed, unpacked = sum(zipped[part] for part in parts), sum(size_of(part) for part in parts)
        layers = ", ".join(f"{part.name} {zipped[part] / 2**20:.1f}" for part in parts[1:])
        print(f"{name:<22}{packed / 2**20:>7.1f} MB{unpacked / 2**20:>7.1f} MB   {layers}")


def test_p8_cold_starts_with_a_secret(built: Path, database_url: str, tmp_path: Path, emulator: Emulator) -> None:
    """As deployed: the address comes from a secret, by AWS's extension or by the boto3 that Lambda brings along."""
    secret = secret_of(database_url)
    emulator.client("secretsmanager").create_secret(Name="desk", SecretString=secret)
    (packages,) = INTERPRETER.parents[1].glob("lib/python*/site-packages")
    named = {"DATABASE_SECRET_ID": "desk"}
    heading("extension", "client", "from DATABASE_URL")
    libraries = of_libraries(built)
    with ExtensionServer({"desk": secret}) as extension:
        for folder, name in unpacked_once(built, SCHEDULED, tmp_path):
            boto3 = {"PYTHONPATH": os.pathsep.join((path_of(folder), str(packages)))}
            ways = (
                extension.environment | named,
                emulator.environment | boto3 | named,
                {"DATABASE_URL": database_url},
            )
            (event,) = EVENTS[name]
            starts = [(folder, libraries | each) for each in ways]
            row(event, cold_starts(starts, functions_of(built)[name]["Handler"], event))
    print("growth: none; a start reads nothing that a desk has more of")


def test_p8_what_bytecode_saves(built: Path, connection: Connection, database_url: str, tmp_path: Path) -> None:
    """Of a process that has the artifact on its path and nothing else; Lambda's own part of a start is not in it."""
    heading("with bytecode", "without")
    environment = of_libraries(built) | {"DATABASE_URL": database_url}
    trade_a_day(connection)
    for name in ("LiveProcessor", "HttpApi", "Migrate"):
        plain, fast = (unpacked(built, name, tmp_path / kind) for kind in ("plain", "compiled"))
        compiled(fast)
        handler = functions_of(built)[name]["Handler"]
        for event in EVENTS[name]:
            row(event, cold_starts([(folder, environment) for folder in (fast, plain)], handler, event))
        shutil.rmtree(plain)
        shutil.rmtree(fast)


def of_libraries(built: Path) -> dict[str, str]:
    """What the template sets for libraries in the environment of every function."""
    variables = read_template(built)["Globals"]["Function"]["Environment"]["Variables"]
    return {LIBRARIES: variables[LIBRARIES]}


def unpacked_once(built: Path, names: Sequence[str], folder: Path) -> Iterator[tuple[Path, str]]:
    """A folder with bytecode for each function; one for all that have the same layers."""
    by_layers: dict[tuple[Path, ...], list[str]] = {}
    for name in names:
        by_layers.setdefault(tuple(layers_of(built, name)), []).append(name)
    for same in by_layers.values():
        whole = compiled(unpacked(built, same[0], folder / same[0]))
        for name in same:
            yield whole, name
        shutil.rmtree(whole)


def compiled(folder: Path) -> Path:
    """The same with bytecode, as make build leaves it."""
    compileall.compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return folder


def unpacked(built: Path, name: str, folder: Path) -> Path:
    """A folder with a function, under `task`, and its layers."""
    unpack(layers_of(built, name), folder)
    shutil.copytree(built / name, folder / "task")
    return folder


def path_of(opt: Path) -> str:
    """Where its process finds modules."""
    return os.pathsep.join((str(opt / "task"), str(opt / "python")))


def heading(*columns: str) -> None:
    """Of the table that follows."""
    print(f"import + first call, in seconds (of the processor), medians of {ROUNDS} alternating")
    print(f"{'event':<26}" + "".join(f"{column:>28}" for column in columns))


def row(event: str, cells: Sequence[Sequence[float]]) -> None:
    """Of that table."""
    print(f"{event:<26}" + "".join(f"{told(*cell):>28}" for cell in cells))


def told(imported: float, called: float, processor: float) -> str:
    """A cell of the table."""
    return f"{imported:.2f} + {called:.2f} = {imported + called:.2f} ({processor:.2f})"


def cold_starts(ways: Sequence[tuple[Path, Mapping[str, str]]], handler: str, event: str) -> Sequence[Sequence[float]]:
    """Medians of the seconds of each way to start; the first round warms the machine's own cache."""
    rounds = [[_start(folder, handler, event, environment) for folder, environment in ways] for _ in range(ROUNDS + 1)]
    return [[median(figure) for figure in zip(*starts, strict=True)] for starts in zip(*rounds[1:], strict=True)]


def _start(opt: Path, handler: str, event: str, environment: Mapping[str, str]) -> Sequence[float]:
    done = subprocess.run(
        [sys.executable, "-S", "-c", START, handler, str(REPO / "events" / f"{event}.json")],
        cwd=opt / "task",
        env={
            "PATH": os.defpath,
            "PYTHONPATH": path_of(opt),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": "artifact",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def zipped_size(folder: Path, scratch: Path) -> int:
    """Bytes of the archive that `sam deploy` would upload."""
    archive = scratch / f"{folder.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    size = archive.stat().st_size
    archive.unlink()
    return size
