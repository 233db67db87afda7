"""A thousand random changes and cuts of whatever is read: an error that is meant, or what the bytes hold."""

import gzip
import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyrage import x25519

from chandlery.platform.component import component
from chandlery.platform.errors import ChandleryError, Permanent
from functions import migrate
from local.backup.data_archive import DataReader, DataTable, DataWriter, Manifest, Part
from local.command_line.functions import LocalContext
from local.digests import check_digest, digest_line, digest_path
from local.embedded import tarball as tarballs
from local.embedded.errors import EmbeddedDatabaseError
from local.encryption import decrypting, encrypting
from local.market_file import MarketFileError, MarketFileReader, open_candle_file, open_tick_file
from tests.damaged_bytes import NOWHERE, TIMES, damaged
from tests.main_program import run_main

REPO = Path(__file__).parents[2]
TICKS = "time,price,size,venue\n" + "".join(f"2026-03-02T12:{m:02}:30.5Z,{100 + m}.25,{m + 1},Ü\n" for m in range(40))
CANDLES = "time,open,high,low,close,volume\n" + "".join(f"2026-03-02T12:{m:02}Z,7,9.5,6,8,{m}\n" for m in range(40))


def hold_one_line(error: Exception) -> None:
    assert "\n" not in str(error)


def read(reader: MarketFileReader) -> list[dict[str, Any]]:
    with reader:
        return [row for batch in reader for row in batch.to_pylist()]


@pytest.mark.parametrize(("open_file", "content"), [(open_tick_file, TICKS), (open_candle_file, CANDLES)])
def test_csv(tmp_path: Path, open_file: Any, content: str) -> None:
    path = tmp_path / "rows.csv"
    refused = 0
    for changed in damaged(content.encode(), TIMES // 5):
        path.write_bytes(changed)
        try:
            rows = read(open_file(path))
        except MarketFileError as error:
            hold_one_line(error)
            refused += 1
            continue
        text = changed.decode()
        for row in rows:
            numbers = [row[name] for name in ("price", "size", "open", "high", "low", "close", "volume") if name in row]
            line = text.split("\n")[row["line"] - 1] if "line" in row and "\r" not in text else text
            assert all(number is None or number in line for number in numbers), (row, line)
    assert TIMES / 20 < refused < TIMES / 5


@pytest.mark.parametrize(("open_file", "content"), [(open_tick_file, TICKS), (open_candle_file, CANDLES)])
def test_gzip_whose_checksum_is_wrong(tmp_path: Path, open_file: Any, content: str) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(content.encode(), mtime=0))
    whole = read(open_file(path))
    refused = 0
    for changed in damaged(path.read_bytes(), TIMES // 5):
        path.write_bytes(changed)
        try:
            rows = read(open_file(path))
        except MarketFileError as error:
            hold_one_line(error)
            refused += 1
        else:
            assert rows == whole  # the change was in a field of the header that says nothing about the content
    assert refused > TIMES / 5 * 0.9


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    lines = [line.split(",") for line in TICKS.splitlines()]
    columns = {name: [line[n] for line in lines[1:]] for n, name in enumerate(lines[0])}
    pq.write_table(pa.table(columns), path)
    for changed in damaged(path.read_bytes(), TIMES // 5):
        path.write_bytes(changed)
        try:
            rows = read(open_tick_file(path))
        except MarketFileError as error:
            hold_one_line(error)
        else:
            assert all(row["price"] is not None for row in rows)


def test_archive_of_the_embedded_database(tmp_path: Path) -> None:
    data, archive = tmp_path / "data", tmp_path / "desk.backup"
    data.mkdir()
    (data / "PG_VERSION").write_text("17\n")
    (data / "rows").write_bytes(Random(1).randbytes(2_000))
    with archive.open("wb") as file:
        tarballs.compress(data, file)
    digest_path(archive).write_text(digest_line(archive, archive))
    assert check_digest(archive)
    for number, changed in enumerate(damaged(archive.read_bytes())):
        archive.write_bytes(changed)
        with pytest.raises(Permanent, match="is damaged"):
            check_digest(archive)
        if number % 5:
            continue
        # And without the digest, gzip's own checksum: the file there stays as it was, or is the same.
        restored = tmp_path / f"restored{number}"
        try:
            tarballs.unpack(archive, restored)
        except EmbeddedDatabaseError as error:
            hold_one_line(error)
            assert not restored.exists()
        else:
            assert (restored / "rows").read_bytes() == (data / "rows").read_bytes()
            shutil.rmtree(restored)


def test_archive_of_data_alone(tmp_path: Path) -> None:
    path = tmp_path / "desk.data"
    tables = [DataTable(name=name, columns=["a", "b"]) for name in ("ticks", "candles")]
    rows = [f"{Random(n).random()}\t{n}\n".encode() * 3 for n in range(400)]
    with path.open("wb") as file:
        writer = DataWriter(
            file,
            Manifest(
                made_by="1",
                database="desk",
                postgresql=18,
                timescaledb="2.29.2",
                revision="0025",
                tables=tables,
                aggregates=[],
                materialized_to=None,
            ),
        )
        for number in range(4):
            writer.write(tables[number // 2].name, 120, b"".join(rows[number * 40 : number * 40 + 40]))
        assert writer.finish() == 480

    def read_data() -> tuple[Manifest, list[tuple[Part, bytes]]]:
        with path.open("rb") as file:
            reader = DataReader(path, file)
            return reader.manifest, list(reader.parts())

    whole, refused = read_data(), 0
    for changed in damaged(path.read_bytes(), TIMES // 2):
        path.write_bytes(changed)
        try:
            found = read_data()
        except Permanent as error:
            hold_one_line(error)
            refused += 1
        else:
            assert found == whole  # the change was one of what fills a block
    assert refused > TIMES / 4


def test_encrypted_archive(tmp_path: Path) -> None:
    """Whatever is changed: age signs all of it."""
    path, key = tmp_path / "desk.backup", x25519.Identity.generate()
    content = Random(1).randbytes(70_000)
    with path.open("wb") as file, encrypting(file, [key.to_public()]) as plain:
        plain.write(content)
    with decrypting(path, [key]) as plain:
        assert plain.read() == content
    for changed in damaged(path.read_bytes(), TIMES // 2):
        path.write_bytes(changed)
        with pytest.raises(Permanent, match="cannot be decrypted: ") as told, decrypting(path, [key]) as plain:
            plain.read()
        hold_one_line(told.value)


def test_what_restore_says_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and the exit code of a failure: of an embedded database's archive, with a digest and without."""
    home, archive = tmp_path / "home", tmp_path / "desk.backup"
    (home / "data").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("17\n")
    (home / "data" / "rows").write_bytes(Random(1).randbytes(2_000))
    key = x25519.Identity.generate()
    (tmp_path / "key").write_text(f"# public key: {key.to_public()}\n{key}\n")
    monkeypatch.setenv("CHANDLERY_HOME", str(home))
    for way, encrypted, opened in (
        ("plain", [], []),
        ("encrypted", ["--encrypt-to", str(key.to_public())], ["--identity", str(tmp_path / "key")]),
    ):
        assert run_main("backup", str(archive), "--overwrite", *encrypted) == (0, ""), way
        assert run_main("restore", str(archive), "--over-existing", *opened) == (0, ""), way
        whole, digest = archive.read_bytes(), digest_path(archive).read_bytes()
        for number, changed in enumerate(damaged(whole, TIMES // 50)):
            archive.write_bytes(changed)
            if number % 2:
                digest_path(archive).write_bytes(digest)
            else:
                digest_path(archive).unlink(missing_ok=True)
            code, said = run_main("restore", str(archive), "--over-existing", *opened)
            assert (code, said.count("\n")) == (1, 1) or (code, way, number % 2) == (0, "plain", 0), said
            assert said.startswith("chandlery: ") or code == 0
        archive.write_bytes(whole)
        digest_path(archive).write_bytes(digest)
    code, said = run_main("restore", str(archive), "--over-existing")
    assert (code, "is encrypted: give the file with its secret key: --identity FILE" in said) == (1, True)
    code, said = run_main("restore", str(tmp_path / "key"), "--over-existing", "--identity", str(tmp_path / "key"))
    assert (code, "is not encrypted, as --identity says" in said) == (1, True)
    for wrong in ("age1nonsense", str(key)):
        code, said = run_main("backup", str(archive), "--overwrite", "--encrypt-to", wrong)
        assert (code, "public key" in said, str(key) in said) == (1, True, False)
    refused = run_main("backup", str(archive), "--schema-only", "--data-only")
    assert (refused[0], "exclude each other" in refused[1]) == (2, True)


@pytest.mark.parametrize("name", ["live_processor", "migrate_upgrade", "migrate_sync_sessions"])
def test_events(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    worked = component("live_processor")(lambda _: pytest.fail("there is no database to work on"))
    handler = migrate.handler if name.startswith("migrate") else worked
    for changed in damaged((REPO / "events" / f"{name}.json").read_bytes(), TIMES // 3):
        try:
            event = json.loads(changed)
        except ValueError:
            continue  # Lambda hands no such event over
        if isinstance(event, dict):
            with pytest.raises(ChandleryError):
                handler(event, LocalContext("any", 60))


def test_requests() -> None:
    from tests.integration.api_scene import call, settings

    said = {"instrument_key": "X@A@EQ", "timeframe": "5m", "from": "2026-03-02T12:00:00Z", "limit": 10}
    body = json.dumps(said | {"indicators": [{"name": "sma", "parameters": {"timeperiod": 5}}]}).encode()
    target = b"/api/v1/candles/X@A@EQ?timeframe=5m&from=2026-03-02T12:00:00Z&limit=10&cursor=abc"
    with settings(NOWHERE):
        for changed in damaged(body, TIMES // 2):
            assert call("POST", "/api/v1/compute", changed).status in (400, 413, 422, 503)
        for changed in damaged(target, TIMES // 2):
            path = changed.decode("latin-1")
            if path.startswith("/") and path.isascii() and path.isprintable():
                answer = call("GET", path)
                # What is left of it may be the page's address, which needs no database.
                assert answer.status in (404, 422, 503) or answer.headers["Content-Type"].startswith("text/html")
