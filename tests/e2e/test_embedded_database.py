"""The embedded TimescaleDB as its users meet it: a real process, real connections, nothing replaced."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from chandlery.platform.errors import Permanent
from local.embedded import EmbeddedDatabase, EmbeddedDatabaseError, installation
from local.node_packages import NodePackages
from tests.e2e.commands import ENVIRONMENT, start
from tests.waiting import LAST_RESORT_SECONDS, wait_until

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
SCHEMA = """
    CREATE TABLE ticks (time timestamptz NOT NULL, id int NOT NULL, price float8, PRIMARY KEY (id, time));
    SELECT create_hypertable('ticks', 'time', chunk_time_interval => interval '1 day');
    ALTER TABLE ticks SET (timescaledb.compress, timescaledb.compress_segmentby = 'id');
    INSERT INTO ticks SELECT '2026-03-02 14:30Z'::timestamptz + g * interval '1 second', 1, g
      FROM generate_series(0, 299) AS g;
"""
MINUTES = """
    CREATE MATERIALIZED VIEW minutes WITH (timescaledb.continuous) AS
      SELECT time_bucket('1 minute', time) AS time, id, first(price, time) AS open, count(*) AS ticks
        FROM ticks GROUP BY 1, 2 WITH NO DATA
"""

Copies = Callable[..., EmbeddedDatabase]
Connection = psycopg.Connection[tuple[object, ...]]


def connect(url: str, *, autocommit: bool = True, **settings: str) -> Connection:
    conninfo = make_conninfo(url, **settings)
    return psycopg.connect(conninfo, autocommit=autocommit, prepare_threshold=None)


def value(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def insert_around_an_error(connection: Connection) -> None:
    with connection.pipeline():
        connection.execute("INSERT INTO piped VALUES (1)")
        connection.execute("SELECT 1 / 0")
        connection.execute("INSERT INTO piped VALUES (2)")


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory, migrated_tarball: Path) -> Path:
    """A tarball of a database with a hypertable and a continuous aggregate."""
    home = tmp_path_factory.mktemp("seed")
    database = EmbeddedDatabase(home, tarball=migrated_tarball)
    with connect(database.start()) as connection:
        connection.execute(SCHEMA.encode())
        connection.execute(MINUTES.encode())
    assert database.stop()
    database.dump(home / "seed.tar")
    return home / "seed.tar"


@pytest.fixture(scope="module")
def shared(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    """One running database for all tests that leave it running."""
    home = tmp_path_factory.mktemp("shared")
    database = EmbeddedDatabase(home, transaction_wait=LAST_RESORT_SECONDS, tarball=seed, tied=True)
    database.start()
    yield database
    assert database.status().running, database.log_file.read_text()
    database.stop()


@pytest.fixture
def url(shared: EmbeddedDatabase) -> str:
    found = shared.url()
    assert found is not None
    return found


@pytest.fixture
def copies(seed: Path, tmp_path: Path) -> Iterator[Copies]:
    """Makes databases on one home of the test's own, and stops what they leave running."""

    def make(port: int | None = None, transaction_wait: float = LAST_RESORT_SECONDS) -> EmbeddedDatabase:
        return EmbeddedDatabase(tmp_path / "home", port=port, transaction_wait=transaction_wait, tarball=seed)

    yield make
    make().stop()


class TestProcess:
    def test_data_is_kept_and_timescaledb_works_after_a_restart(self, copies: Copies) -> None:
        database = copies()
        url = database.start()
        with connect(url) as connection:
            connection.execute("INSERT INTO ticks VALUES (%s, 2, 7)", [START])
        assert database.stop()
        assert not database.stop()
        assert database.url() is None
        # A client that knows the address still reaches it.
        assert database.start() == url
        with connect(url) as connection:
            assert not database.recovers
            assert value(connection, "SELECT price FROM ticks WHERE id = 2") == 7
            connection.execute("INSERT INTO ticks VALUES (%s, 2, 8)", [START + timedelta(minutes=1)])
            connection.execute("CALL refresh_continuous_aggregate('minutes', NULL, NULL)")
            assert value(connection, "SELECT sum(ticks) FROM minutes") == 302
            assert value(connection, "SELECT count(compress_chunk(c)) FROM show_chunks('ticks') AS c") == 1
            assert value(connection, "SELECT count(*) FROM ticks") == 302

    def test_a_second_start_finds_the_first(self, shared: EmbeddedDatabase, url: str) -> None:
        status = EmbeddedDatabase(shared.home).status()
        assert (status.running, status.url) == (True, url)
        assert EmbeddedDatabase(shared.home).start() == url
        assert shared.status().pid == status.pid

    def test_racing_starters_get_one_process(self, copies: Copies) -> None:
        with ThreadPoolExecutor(4) as pool:
            urls = set(pool.map(lambda _: copies().start(), range(4)))
        assert urls == {copies().url()}
        log = copies().log_file.read_text()
        assert log.count("listening") == 1, log

    @pytest.mark.long
    def test_a_start_from_another_program_outlives_it(self, copies: Copies, seed: Path) -> None:
        home = copies().home
        program = (
            f"from pathlib import Path; from local.embedded import EmbeddedDatabase as E;"
            f"print(E(Path({str(home)!r}), tarball=Path({str(seed)!r})).start())"
        )
        root = Path(__file__).parents[2]
        result = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
        assert copies().start() == result.stdout.strip()

    def test_state_of_a_dead_process_is_not_believed(self, copies: Copies) -> None:
        database = copies()
        database.home.mkdir()
        (database.home / "embedded.json").write_text(json.dumps({"pid": os.getpid(), "port": 1}))
        assert database.url() is None
        assert not database.stop()  # and this process, whose number the file names, is not ended
        database.start()
        assert database.status().pid != os.getpid()

    def test_a_kill_loses_no_acknowledged_row(self, copies: Copies) -> None:
        database = copies()
        acknowledged: list[int] = []

        def write(address: str) -> None:
            with suppress(psycopg.OperationalError), connect(address) as connection:
                for price in range(1_000_000):
                    moment = START + timedelta(seconds=price)
                    connection.execute("INSERT INTO ticks VALUES (%s, 3, %s)", [moment, price])
                    acknowledged.append(price)

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write, database.start())
            wait_until(lambda: len(acknowledged) >= 200 or writing.done(), "200 rows written")
            pid = database.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            writing.result()
        with connect(database.start()) as connection:
            assert database.recovers
            rows = connection.execute("SELECT price::int FROM ticks WHERE id = 3 ORDER BY 1").fetchall()
        # The row under way when the kill came may be there or not.
        assert [row[0] for row in rows][: len(acknowledged)] == acknowledged
        assert len(rows) - len(acknowledged) in (0, 1)

    def test_a_dead_instance_ends_its_process_and_says_why(self, copies: Copies) -> None:
        database = copies()
        deadly = b"SELECT set_config('client_encoding', 'LATIN1', false)"
        with (
            connect(database.start()) as connection,
            pytest.raises(psycopg.OperationalError, match=r"the embedded database died: .*start it again"),
        ):
            connection.execute(deadly)
        wait_until(lambda: not database.status().running, "the process ends")
        assert "the embedded database died" in database.log_file.read_text()
        with connect(database.start()) as connection:
            assert value(connection, "SELECT count(*) FROM ticks") == 300

    def test_a_taken_port_is_named(self, copies: Copies) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as other:
            port = other.getsockname()[1]
            with pytest.raises(EmbeddedDatabaseError, match=rf"^port {port} on 127\.0\.0\.1 is taken"):
                copies(port=port).start()
        assert copies(port=port).start().endswith(f":{port}/postgres")

    def test_a_directory_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "letters.txt").write_text("not a database")
        with pytest.raises(EmbeddedDatabaseError, match=r"data is not empty and holds no database; move it away"):
            EmbeddedDatabase(tmp_path).start()
        assert (tmp_path / "data" / "letters.txt").read_text() == "not a database"

    def test_missing_node_packages_are_explained(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(installation, "_PACKAGES", NodePackages(tmp_path, "a test", ""))
        with pytest.raises(EmbeddedDatabaseError, match=r"-m local\.embedded$"):
            EmbeddedDatabase(tmp_path / "home").start()

    def test_installing_again_does_nothing(self) -> None:
        assert installation.install() is False

    def test_what_cannot_be_dumped_or_loaded(self, shared: EmbeddedDatabase, tmp_path: Path) -> None:
        with pytest.raises(EmbeddedDatabaseError, match="is running: stop it first"):
            shared.dump(tmp_path / "dump.tar")
        with pytest.raises(EmbeddedDatabaseError, match="holds no embedded database"):
            EmbeddedDatabase(tmp_path / "empty").dump(tmp_path / "dump.tar")
        (tmp_path / "bad.tar").write_text("no tarball")
        with pytest.raises(EmbeddedDatabaseError, match=r"cannot read the database tarball .*bad\.tar"):
            EmbeddedDatabase(tmp_path / "new", tarball=tmp_path / "bad.tar").start()


class TestBackup:
    def test_what_was_backed_up_comes_back(self, copies: Copies, tmp_path: Path) -> None:
        database, file = copies(), tmp_path / "desk.backup"
        environment = ENVIRONMENT | {"CHANDLERY_HOME": str(database.home)}
        database.start()
        missing = start(("restore", "none.backup"), ENVIRONMENT | {"CHANDLERY_HOME": "elsewhere"}, tmp_path)
        assert (missing.returncode, (tmp_path / "elsewhere").exists()) == (1, False)
        assert missing.stderr == "chandlery: none.backup cannot be read: No such file or directory\n"
        running = start(("backup", str(file)), environment, tmp_path)
        assert (running.returncode, running.stdout) == (1, "")
        assert running.stderr.endswith("is running: stop it first: chandlery db stop\n")
        database.stop()
        done = start(("backup", str(file), "--json"), environment, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == {"file": str(file), "bytes": file.stat().st_size, "encrypted": False}
        with pytest.raises(Permanent, match=r"desk\.backup is there already; give another name, or --overwrite"):
            database.back_up(file, overwrite=False)
        assert sorted(path.name for path in tmp_path.glob("desk*")) == ["desk.backup", "desk.backup.sha256"]

        with connect(database.start()) as connection:
            connection.execute("DELETE FROM ticks")
        database.stop()
        unasked = start(("restore", str(file)), environment, tmp_path)
        assert (unasked.returncode, unasked.stdout) == (1, "")
        assert unasked.stderr.endswith(
            "holds an embedded database already; to drop it, with all its rows, for what"
            f" {file} holds: --over-existing\n"
        )
        restored = start(("restore", str(file), "--over-existing"), environment, tmp_path)
        told = f"file {file}, home {database.home}, verified True\n"
        assert (restored.returncode, restored.stdout, restored.stderr) == (0, told, "")
        with connect(database.start()) as connection:
            assert value(connection, "SELECT count(*) FROM ticks") == 300
        assert not (database.home / "data.former").exists()

    @pytest.mark.long
    def test_a_changed_byte_is_found_without_the_digest(self, copies: Copies, tmp_path: Path) -> None:
        database, file = copies(), tmp_path / "desk.backup"
        database.start()
        database.stop()
        database.back_up(file, overwrite=False)
        before = sorted(path.name for path in database.home.iterdir())
        whole = file.read_bytes()
        chance = Random(4)
        # Behind gzip's own head; the last eight bytes are its checksum and length.
        places = [*(chance.randrange(64, len(whole) - 8) for _ in range(5)), len(whole) - 8, len(whole) - 1]
        for place in places:
            damaged = tmp_path / "damaged"
            damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :])
            with pytest.raises(EmbeddedDatabaseError, match=r"cannot read the database tarball .*damaged: ") as told:
                database.restore(damaged, over_existing=True)
            assert "\n" not in str(told.value)
            assert sorted(path.name for path in database.home.iterdir()) == before

    @pytest.mark.long
    def test_what_is_not_whole_changes_nothing(self, copies: Copies, tmp_path: Path) -> None:
        database, file = copies(), tmp_path / "desk.backup"
        database.start()
        database.stop()
        database.back_up(file, overwrite=False)
        before = sorted(path.name for path in database.home.iterdir())
        (tmp_path / "cut").write_bytes(file.read_bytes()[:-100])
        (tmp_path / "text").write_text("no tarball")
        for wrong in ("cut", "text"):
            with pytest.raises(
                EmbeddedDatabaseError, match=rf"^cannot read the database tarball .*{wrong}: .*"
            ) as told:
                database.restore(tmp_path / wrong, over_existing=True)
            assert "\n" not in str(told.value)
        with pytest.raises(EmbeddedDatabaseError, match="absent cannot be read: No such file"):
            database.restore(tmp_path / "absent", over_existing=True)
        (tmp_path / "desk.backup.sha256").rename(tmp_path / "cut.sha256")
        with pytest.raises(Permanent, match=r"cut is damaged, or .*cut\.sha256 is another file's"):
            database.restore(tmp_path / "cut", over_existing=True)
        assert database.restore(file, over_existing=True) is False
        assert sorted(path.name for path in database.home.iterdir()) == before

    @pytest.mark.long
    def test_an_exchange_cut_in_two_is_taken_back(self, copies: Copies) -> None:
        database = copies()
        database.start()
        database.stop()
        database.data_directory.rename(database.home / "data.former")
        with connect(database.start()) as connection:
            assert value(connection, "SELECT count(*) FROM ticks") == 300
        assert not (database.home / "data.former").exists()

    def test_a_home_without_data_has_no_backup(self, tmp_path: Path) -> None:
        with pytest.raises(EmbeddedDatabaseError, match="holds no embedded database"):
            EmbeddedDatabase(tmp_path / "empty").back_up(tmp_path / "b", overwrite=False)
        assert start(("backup",), ENVIRONMENT, tmp_path).returncode == 2
        assert start(("restore",), ENVIRONMENT, tmp_path).returncode == 2


class TestHandshake:
    def test_wrong_password_and_unknown_database(self, url: str) -> None:
        with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "postgr'):
            connect(url, password="wrong")
        with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "other"'):
            connect(url, user="other")
        with pytest.raises(psycopg.OperationalError, match='database "other" does not exist'):
            connect(url, dbname="other")

    def test_what_a_client_receives(self, url: str) -> None:
        with connect(url, application_name="a test") as connection:
            told = {name: connection.info.parameter_status(name) for name in ("TimeZone", "integer_datetimes")}
            assert told == {"TimeZone": "UTC", "integer_datetimes": "on"}
            assert connection.info.server_version >= 170000
            assert connection.info.encoding == "utf-8"
            assert value(connection, "SELECT current_database()") == "postgres"
            connection.cancel()  # accepted, though there is nothing it could do
            assert value(connection, "SELECT 1") == 1

    def test_bytes_that_are_no_protocol_harm_nobody(self, url: str) -> None:
        port = int(url.rpartition(":")[2].partition("/")[0])
        for noise in (b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\x08\0\x01\0\0", b"\0" * 64):
            with closing(socket.create_connection(("127.0.0.1", port))) as stranger:
                stranger.sendall(noise)
                assert stranger.recv(100)[:1] == b"E"
        with connect(url) as connection:
            assert value(connection, "SELECT 1") == 1


class TestStatements:
    @pytest.mark.parametrize(
        "statement",
        [
            "COPY ticks FROM STDIN",
            "SELECT 1; /* one /* two */ */ -- three\n copy ticks (time,\n id)\tfrom  stdin (format binary)",
            "COPY \"ticks\" FROM/**/StdIn WITH (DELIMITER ';')",
            "COPY ticks FROM STDOUT",
        ],
    )
    def test_copy_from_stdin_is_refused_and_the_database_answers(self, url: str, statement: str) -> None:
        with connect(url) as connection:
            with pytest.raises(errors.FeatureNotSupported, match=r"cannot COPY FROM STDIN; use INSERT"):
                connection.execute(statement.encode())
            with (
                pytest.raises(errors.FeatureNotSupported),
                connection.cursor().copy(statement.partition(";")[0].encode())
                if statement.startswith("COPY")
                else connection.cursor().copy(b"COPY ticks FROM STDIN"),
            ):
                pass
            assert value(connection, "SELECT 1") == 1

    def test_a_refused_copy_aborts_the_transaction_as_any_error_does(self, url: str) -> None:
        with connect(url, autocommit=False) as connection:
            connection.execute("CREATE TABLE unwanted (a int)")
            with pytest.raises(errors.FeatureNotSupported):
                connection.execute("COPY unwanted FROM STDIN")
            with pytest.raises(errors.InFailedSqlTransaction):
                connection.execute("SELECT 1")
            connection.rollback()
            assert value(connection, "SELECT to_regclass('unwanted')") is None

    def test_the_words_in_literals_are_no_copy(self, url: str) -> None:
        query = r"""SELECT 'a''; copy t from stdin', E'\'; copy t from stdin', $x$; copy t from stdin $x$,
                    1 AS "; copy t from stdin" -- ; copy t from stdin"""
        with connect(url) as connection:
            row = connection.execute(query.encode()).fetchone()
            assert row == ("a'; copy t from stdin", "'; copy t from stdin", "; copy t from stdin ", 1)

    def test_copy_to_stdout(self, url: str) -> None:
        with (
            connect(url) as connection,
            connection.cursor().copy("COPY (SELECT generate_series(1, 1000)) TO STDOUT") as copy,
        ):
            assert [row[0] for row in copy.rows()] == [str(number) for number in range(1, 1001)]

    def test_large_results_and_parameters_come_back_equal(self, url: str) -> None:
        count = 100_000
        times = [START + timedelta(milliseconds=index) for index in range(count)]
        prices = [index / 7 for index in range(count)]
        names = [f"né {index} {'x' * 60}" for index in range(count)]  # 7 MB
        with connect(url) as connection:
            rows = connection.execute(
                "SELECT * FROM unnest(%b::timestamptz[], %b::float8[], %b::text[])", [times, prices, names]
            ).fetchall()
            assert rows == list(zip(times, prices, names, strict=True))
            text = "é" * 10_000_000
            assert connection.execute("SELECT %s::text", [text]).fetchone() == (text,)

    @pytest.mark.parametrize("binary", [False, True], ids=["simple protocol", "extended protocol"])
    def test_answers_that_end_astride_the_instance_s_send_buffer(self, url: str, binary: bool) -> None:
        with connect(url) as connection:
            for filled in (8192, 2 * 8192, 8 * 8192):
                for length in range(filled - 80, filled - 50):  # all but the text takes 63 bytes, or 73
                    row = connection.execute(f"SELECT repeat('x', {length})".encode(), binary=binary).fetchone()
                    assert row == ("x" * length,)

    def test_an_error_in_a_pipeline_skips_the_rest_of_it(self, url: str) -> None:
        with connect(url) as connection:
            connection.execute("CREATE TABLE piped (a int)")
            with pytest.raises(errors.DivisionByZero):
                insert_around_an_error(connection)
            with connection.pipeline() as pipeline:
                connection.execute("INSERT INTO piped VALUES (3)")
                pipeline.sync()
                counted = connection.execute("SELECT array_agg(a) FROM piped")
                assert counted.fetchone() == ([3],)  # the fetch sends a Flush: answered before any Sync

    def test_a_batch_of_many_messages_runs_whole(self, url: str) -> None:
        rows = [(number, "x" * 100) for number in range(5_000)]
        with connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE many (a int PRIMARY KEY, b text)")
            cursor.executemany("INSERT INTO many VALUES (%s, %s)", rows)
            with pytest.raises(errors.UniqueViolation):
                cursor.executemany("INSERT INTO many VALUES (%s + 4999, %s)", rows)
            assert value(connection, "SELECT count(*) FROM many") == 5_000

    def test_notices_arrive_without_the_debugging_build_s_own(self, url: str) -> None:
        heard: list[str | None] = []
        with connect(url) as connection:
            connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
            connection.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
            with pytest.raises(errors.DivisionByZero):
                connection.execute("CREATE TABLE noisy (a int); SELECT 1 / 0")
            connection.execute("DISCARD ALL")
            connection.execute("SELECT %s::int", [1])
        assert heard == ["hello"]


class TestClientsTogether:
    def test_settings_are_each_client_s_own(self, url: str) -> None:
        with (
            connect(url, options="-c search_path=elsewhere,public") as first,
            connect(url) as second,
        ):
            second.execute("SET TIME ZONE 'Asia/Tokyo'")
            assert second.info.timezone.key == "Asia/Tokyo"  # type: ignore[attr-defined]
            query = "SELECT current_setting('search_path') || ' ' || current_setting('TimeZone')"
            for _ in range(2):
                assert value(first, query) == "elsewhere,public UTC"
                assert value(second, query) == '"$user", public Asia/Tokyo'
            second.execute("RESET ALL")
            assert value(second, query) == '"$user", public UTC'
            first.execute("CREATE ROLE somebody")
            first.execute("SET ROLE somebody")
            assert (value(second, "SELECT current_user"), value(first, "SELECT current_user")) == (
                "postgres",
                "somebody",
            )
        with connect(url) as third:
            assert value(third, query) == '"$user", public UTC'
            assert value(third, "SELECT current_user") == "postgres"

    @pytest.mark.parametrize(
        ("statement", "kept"),
        [
            ("SET LOCAL TIME ZONE 'Asia/Tokyo'", "UTC"),
            ("SELECT set_config('TimeZone', concat('Asia/', 'Tokyo'), true)", "UTC"),
            ("SELECT set_config('work_mem', '8MB', true), set_config('TimeZone', 'Asia/Tokyo', false)", "Asia/Tokyo"),
            ("SELECT set_config('TimeZone', 'Asia/Tokyo', NOT true)", "Asia/Tokyo"),
        ],
    )
    def test_a_setting_lasts_for_the_transaction_or_the_session(self, url: str, statement: str, kept: str) -> None:
        with connect(url) as first, connect(url) as second:
            with first.transaction():
                first.execute(statement.encode())
                assert value(first, "SHOW TimeZone") == "Asia/Tokyo"
            assert value(second, "SHOW TimeZone") == "UTC"
            assert (value(first, "SHOW TimeZone"), str(first.info.timezone)) == (kept, kept)

    def test_an_unknown_setting_is_refused(self, url: str) -> None:
        with (
            connect(url, options="-c nonsense=1") as connection,
            pytest.raises(psycopg.Error, match='unrecognized configuration parameter "nonsense"'),
        ):
            connection.execute("SELECT 1")

    def test_prepared_statements_of_the_same_name(self, url: str) -> None:
        with connect(url) as first, connect(url) as second:
            for connection in (first, second):
                connection.prepare_threshold = 0
            for number in range(3):
                assert first.execute("SELECT %s::int", [number]).fetchone() == (number,)
                assert second.execute("SELECT %s::int + 1", [number]).fetchone() == (number + 1,)

    def test_notifications_reach_every_listener(self, url: str) -> None:
        with connect(url) as listener, connect(url) as other:
            listener.execute("LISTEN news")
            other.execute("NOTIFY news, 'heard'")
            assert [notice.payload for notice in listener.notifies(timeout=LAST_RESORT_SECONDS, stop_after=1)] == [
                "heard"
            ]

    def test_a_client_waits_for_another_s_transaction(self, url: str) -> None:
        with connect(url, autocommit=False) as first, connect(url) as second, ThreadPoolExecutor(1) as pool:
            first.execute("CREATE TABLE awaited (a int)")
            waiting = pool.submit(second.execute, "INSERT INTO awaited VALUES (1)")
            assert not waiting.done()
            first.commit()
            assert waiting.result().rowcount == 1

    def test_and_is_reported_when_it_has_waited_too_long(self, copies: Copies) -> None:
        url = copies(transaction_wait=0.2).start()
        with connect(url, autocommit=False) as first, connect(url) as second:
            first.execute("SELECT 1")  # opens a transaction, as psycopg does
            with pytest.raises(errors.LockNotAvailable, match="another connection has held a transaction"):
                second.execute("SELECT 1")
            with pytest.raises(errors.LockNotAvailable), second.pipeline():
                second.execute("SELECT 1").fetchone()  # a Flush: the rest is skipped up to the Sync
            first.rollback()
            assert value(second, "SELECT 1") == 1

    def test_a_client_killed_in_mid_transaction_is_rolled_back_at_once(self, url: str) -> None:
        program = (
            f"import psycopg, time; c = psycopg.connect({url!r}, prepare_threshold=None);"
            "c.execute('CREATE TABLE halfway (a int)'); print('open', flush=True); time.sleep(60)"
        )
        with (
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as victim,
            connect(url) as survivor,
        ):
            assert victim.stdout is not None
            assert victim.stdout.readline() == "open\n"
            victim.kill()
            assert value(survivor, "SELECT to_regclass('halfway')") is None

    def test_so_is_one_gone_in_the_midst_of_a_batch(self, url: str) -> None:
        with connect(url) as leaver, connect(url) as survivor:
            leaver.pgconn.enter_pipeline_mode()
            leaver.pgconn.send_query_params(b"SELECT 1 / 0", [])
            leaver.pgconn.send_flush_request()
            leaver.pgconn.flush()
            assert select.select([leaver], [], [], LAST_RESORT_SECONDS)[0]  # answered, and all is skipped until a Sync
            leaver.close()
            assert value(survivor, "SELECT 1") == 1

    def test_four_busy_threads(self, url: str) -> None:
        with connect(url) as connection:
            connection.execute("CREATE TABLE account (id int PRIMARY KEY, amount int)")
            connection.execute("INSERT INTO account SELECT g, 100 FROM generate_series(0, 3) AS g")
        ready = threading.Barrier(4)

        def transfer(start: int) -> None:
            with connect(url) as connection:
                ready.wait(timeout=LAST_RESORT_SECONDS)
                for step in range(50):
                    pair = [(start + step) % 4, (start + step + 1) % 4]
                    with connection.transaction():
                        connection.execute("UPDATE account SET amount = amount - 1 WHERE id = %s", pair[:1])
                        connection.execute("UPDATE account SET amount = amount + 1 WHERE id = %s", pair[1:])
                    total = connection.execute("SELECT sum(amount), count(*) FROM account").fetchone()
                    assert total == (400, 4)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(transfer, range(4)))

    def test_one_that_drops_its_prepared_statements_leaves_the_others(self, url: str) -> None:
        with connect(url) as other, connect(url) as leaver:
            for connection in (other, leaver):
                connection.prepare_threshold = 0
                connection.execute("SELECT 1 + %s::int", [1])
            # As the driver does by itself after a rollback.
            leaver.execute("DEALLOCATE ALL", prepare=False)
            left = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1 +%'"
            assert value(other, left) == 1
            assert other.execute("SELECT 1 + %s::int", [2]).fetchone() == (3,)
