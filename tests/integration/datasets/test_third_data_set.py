"""A third data set of three files: its declaration, its migration, its policies. All else is there already."""

import base64
import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from psycopg import Connection

from chandlery import datasets
from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.measures import Count, First, Last, Max, Mean, Measure, Min, Sum, Union
from chandlery.datasets.rollup import Rollup
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import SCRIPTS, alembic_config, run_verb
from chandlery.platform.schema import REVISION
from chandlery.platform.statements import SQL
from chandlery.policies.apply_policies import plan_policies
from chandlery.policies.domain.policy import Policies
from chandlery.policies.domain.policy_rules import lint
from chandlery.policies.wanted import read_policies
from chandlery.reading.domain.cursor import write_cursor
from chandlery.reference.store import instruments
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.refresh.store import verifications
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from functions.http_api.application import app as application
from local import rollups
from tests.integration.api_scene import Answer, get, settings
from tests.integration.commands import chandlery
from tests.integration.datasets.test_kinds import assert_kinds
from tests.integration.market import NOON, always, around_the_clock
from tests.integration.policy_scene import count, drop, maintain, refresh_all, relation_of, store_candles
from tests.integration.policy_scene import desk as desk

FOLDER = Path(__file__).with_name("moods")
KEY = "X@A@EQ"
WINDOW = Window(NOON - 3 * HOUR, NOON)
# A chunk ends here, 95 days before NOON.
EDGE = datetime(2025, 11, 27, tzinfo=UTC)
_TABLES = ("moods", "moods_15m", "moods_1h")


@dataclass(frozen=True)
class Mood:
    """A row as a file has it."""

    source: str
    time: datetime
    score: Decimal | None
    mentions: int
    spread: float | None
    topics: int
    headline: str | None
    headline_time: datetime | None
    reviewed: bool


def moods(window: Window) -> list[Mood]:
    """Two sources, every five minutes: with nulls, ties, and headlines that come out of order."""
    found = []
    for number in range((window.ends - window.starts) // (5 * MINUTE)):
        for source in ("news, wire", "posts"):
            at, quiet = window.starts + number * 5 * MINUTE, (number + len(source)) % 4 == 0
            told = at - (number * 7 % 5) * MINUTE - timedelta(seconds=number)
            found.append(
                Mood(
                    source,
                    at,
                    None if quiet else Decimal(number * 37 % 19 - 9) / 8,
                    0 if quiet else number % 6,
                    None if number % 3 == 0 else number / 7,
                    1 << number % 5,
                    None if number % 5 == 1 else f"{source} {number}",
                    told,
                    number % 2 == 0,
                )
            )
    return found


def folded(rows: Iterable[Mood], width: timedelta) -> Mapping[tuple[datetime, str], Mapping[str, Any]]:
    """What each bucket is, in plain Python."""
    buckets: dict[tuple[datetime, str], list[Mood]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.time):
        buckets[row.time - (row.time - datetime(1970, 1, 1, tzinfo=UTC)) % width, row.source].append(row)
    return {key: _folded(within) for key, within in buckets.items()}


def _folded(rows: Sequence[Mood]) -> Mapping[str, Any]:
    scored = [(row.score, row.mentions) for row in rows if row.score is not None]
    told = [(row.headline_time, row.headline) for row in rows if row.headline and row.headline_time]
    latest, headline = max(told, default=(None, None))
    weight = sum(mentions for _, mentions in scored)
    return {
        "opened": rows[0].score,
        "headline": headline,
        "headline_time": latest,
        "highest": max((score for score, _ in scored), default=None),
        "lowest": min((score for score, _ in scored), default=None),
        "spread": max((row.spread for row in rows if row.spread is not None), default=None),
        "mentions": sum(row.mentions for row in rows),
        "rows": len(rows),
        "reviews": sum(row.reviewed for row in rows),
        "mood": sum(score * mentions for score, mentions in scored) / weight if weight else None,
        "topics": reduce(or_, (row.topics for row in rows)),
    }


def written(rows: Sequence[Mood], path: Path) -> Path:
    """A file of them: CSV, gzipped or not, or Parquet, by its name."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Mood.__dataclass_fields__)
    writer.writerows(vars(row).values() for row in rows)
    content = text.getvalue().encode()
    if path.suffix == ".parquet":
        pq.write_table(pa_csv.read_csv(io.BytesIO(content)), path)
    else:
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def moods_declared() -> Dataset:
    (found,) = (each for each in declared.DATASETS if each.name == "moods")
    return found


def migrate(url: str, verb: str, revision: str) -> None:
    """Alembic, with the folder of the third data set next to the project's own migrations."""
    config = alembic_config(url)
    config.set_main_option("version_locations", f"{SCRIPTS / 'versions'}\n{FOLDER / 'migration'}")
    run_verb(verb, config, revision)


@pytest.fixture(scope="module")
def migrated(migrated_url: str) -> Iterator[str]:
    """Its declaration is found, its migration applied; both are gone after the last test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "__path__", [*datasets.__path__, str(FOLDER)])
        patch.setattr(declared, "DATASETS", declared.discover())
        migrate(migrated_url, "upgrade", "9999")
        yield migrated_url
        migrate(migrated_url, "downgrade", REVISION)
        # As an operator does who goes down, for the code that knows no moods.
        migrate(migrated_url, "upgrade", REVISION)


@pytest.fixture
def market(desk: Connection, migrated: str) -> Iterator[Connection]:
    """An instrument that trades around the clock, and no moods yet."""
    around_the_clock(desk, KEY)
    yield desk
    desk.execute("TRUNCATE market.moods")
    for relation in _TABLES[1:]:
        desk.execute(f"TRUNCATE market.{relation}")
    # Jobs of its policies go with those of all others.


@pytest.fixture
def wanted(tmp_path: Path, migrated: str) -> Policies:
    """The policies of all, with its own section at the end of the file."""
    path = tmp_path / "policies.toml"
    path.write_text((SQL / "policies.toml").read_text() + (FOLDER / "policies.toml").read_text())
    return read_policies(path)


def bring_in(url: str, path: Path, *options: str) -> tuple[int, str, str]:
    return chandlery(url, "import", "moods", str(path), "--instrument", KEY, *options)


def insert(connection: Connection, rows: Sequence[Mood]) -> None:
    """As a program of the desk does."""
    connection.execute(
        "INSERT INTO market.moods SELECT 1, r.* FROM jsonb_to_recordset(%s::jsonb) AS r (source text, time timestamptz,"
        " score numeric, mentions bigint, spread float8, topics integer, headline text, headline_time timestamptz,"
        " reviewed boolean)",
        [json.dumps([vars(row) for row in rows], default=str)],
    )


def refresh_marked(connection: Connection) -> None:
    assert refresh_stale(connection, NOON + HOUR, has_time=always).marks_left == 0


def stored(connection: Connection, rollup: Rollup, measures: Sequence[Measure]) -> Mapping[tuple[datetime, str], Any]:
    """What is materialised of a roll-up, as it is read."""
    values = [value for measure in measures for value in measure.values(moods_declared().columns)]
    read = ", ".join(value.read for value in values)
    rows = connection.execute(f"SELECT time, source, {read} FROM {relation_of(connection, rollup.relation)}").fetchall()  # noqa: S608
    names = [value.name for value in values]
    return {(time, source): dict(zip(names, cells, strict=True)) for time, source, *cells in rows}


def assert_rolled_up(connection: Connection, rows: Sequence[Mood]) -> None:
    """Every measure of every bucket is that of the plain fold; an average to 18 digits."""
    for rollup in moods_declared().rollups:
        found = stored(connection, rollup, moods_declared().rollup)
        expected = folded(rows, rollup.width)
        assert found.keys() == expected.keys()
        for key, bucket in expected.items():
            given = dict(found[key])
            mood = given.pop("mood")
            assert given == {name: value for name, value in bucket.items() if name != "mood"}
            assert (mood is None) == (bucket["mood"] is None)
            assert mood is None or abs(mood - bucket["mood"]) < Decimal("1e-17")


def ask(url: str, **queries: Any) -> Answer:
    with settings(url):
        return get(f"/api/v1/data/moods/{KEY}", **queries)


def test_it_takes_three_files_at_most() -> None:
    """A migration's module and its two scripts are one."""
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.name.partition(".")[0] for path in files} == {"moods", "9999_moods", "policies"}


def test_it_has_a_measure_of_every_class(migrated: str) -> None:
    assert {type(measure) for measure in moods_declared().rollup} == {First, Last, Max, Min, Sum, Count, Mean, Union}


def test_its_kinds_are_the_types_of_the_database(market: Connection) -> None:
    assert_kinds(market, moods_declared())


def test_its_migration_is_what_the_command_writes_behind_the_table(migrated: str) -> None:
    up, down = ((FOLDER / f"migration/9999_moods.{way}.sql").read_text() for way in ("up", "down"))
    written = "\n".join([rollups.counted(moods_declared()), rollups.migration(moods_declared())])
    assert up.endswith(f";\n\n{written}")
    assert down.endswith(rollups.downgrade(moods_declared()))


@pytest.mark.parametrize("name", ["moods.csv.gz", "moods.parquet"])
def test_a_file_comes_in_whole_and_its_measures_are_those_of_a_plain_fold(
    market: Connection, migrated: str, tmp_path: Path, name: str
) -> None:
    rows = moods(WINDOW)
    path = written(rows, tmp_path / name)
    code, said, _ = bring_in(migrated, path)
    assert (code, said.splitlines()[-1]) == (0, f"{path}: {len(rows)} new rows, 0 known already")
    refresh_marked(market)
    assert_rolled_up(market, rows)
    # Again it changes nothing, and leaves no mark.
    code, said, _ = bring_in(migrated, path, "--json")
    (told,) = json.loads(said)
    assert (code, told["new"], told["known"], told["conflicting"]) == (0, 0, len(rows), 0)
    assert market.execute("SELECT FROM market.marks WHERE dataset = 'moods' AND work = 'refresh'").rowcount == 0
    # Retention keeps what was imported.
    assert market.execute("SELECT DISTINCT table_name FROM market.imports").fetchall() == [("moods",)]


def test_a_row_with_another_content_is_a_conflict(market: Connection, migrated: str, tmp_path: Path) -> None:
    rows = moods(Window(NOON, NOON + 10 * MINUTE))
    bring_in(migrated, written(rows, tmp_path / "first.csv"))
    other = tmp_path / "other.csv"
    other.write_text(
        "time,source,mentions\n2026-03-02T12:00:00Z,posts,7\n2026-03-02T12:05Z,posts,1\n2026-03-02T12:05Z,posts,2\n"
        "2026-03-02T12:10:00Z,posts,3\n2026-03-02T12:10:00Z,posts,4\n"
    )
    code, _, said = bring_in(migrated, other, "--on-conflict", "refuse")
    assert (code, count(market, "moods")) == (1, 4)
    code, _, said = bring_in(migrated, other)
    assert code == 1
    first, second = "time 2026-03-02T12:00:00+00:00, source posts", "time 2026-03-02T12:10:00+00:00, source posts"
    assert f"other.csv line 2: {first}: mentions 7; stored before: mentions 0" in said
    assert f"other.csv line 6: {second}: mentions 4; line 5: mentions 3" in said
    assert "other.csv: 3 of 5 rows have the time, source of another row and other content" in said
    # Columns that the file does not have say nothing.
    code, out, _ = bring_in(migrated, other, "--on-conflict", "replace")
    assert (code, out.splitlines()[-1]) == (0, f"{other}: 0 new rows, 2 known already, 3 replaced, 3 rows in conflict")
    found = market.execute("SELECT mentions, headline FROM market.moods WHERE source = 'posts' ORDER BY time")
    assert found.fetchall() == [(7, "posts 0"), (2, None), (4, None)]


BAD_ROWS = [
    ("2026-03-02T12:00:00Z,posts,1.5,2,x", ', column topics: "x" is not an integer'),
    ("2026-03-02T12:00:00Z,posts,1.5,2,2147483648", ', column topics: "2147483648" is too large'),
    ("2026-03-02T12:00:00Z,posts,nan,2,1", ', column score: "nan" is not a finite number'),
    ("2026-03-02T12:00:00Z,posts,1.5,,1", ", column mentions: is empty"),
    ("2026-03-02T12:00:00Z, ,1.5,2,1", ", column source: is empty"),
    ("2026-03-02T12:00:00,posts,1.5,2,1", ', column time: "2026-03-02T12:00:00" has no time zone'),
    ("2199-03-02T12:00:00Z,posts,1.5,2,1", ', column time: "2199-03-02T12:00:00Z" lies in the future'),
    ("2026-03-02T12:00:00Z,posts,1.5,2", ": has 4 columns instead of 5"),
]


def test_a_bad_row_is_named_and_nothing_comes_in(market: Connection, migrated: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    for row, said in BAD_ROWS:
        path.write_text(f"time,source,score,mentions,topics\n2026-03-02T11:55:00Z,posts,-1e-3,1,1\n{row}\n")
        code, _, told = bring_in(migrated, path)
        assert code == 1
        assert f"bad.csv line 3{said}" in told
    assert count(market, "moods") == 0
    assert bring_in(migrated, path, "--skip-bad")[0] == 0
    assert market.execute("SELECT score FROM market.moods").fetchall() == [(Decimal("-0.001"),)]
    assert (tmp_path / "bad.csv.bad.csv").exists()


def test_what_the_table_itself_refuses_leaves_nothing_behind(market: Connection, migrated: str, tmp_path: Path) -> None:
    path = tmp_path / "negative.csv"
    path.write_text("time,source,mentions\n2026-03-02T12:00:00Z,posts,1\n2026-03-02T12:05:00Z,posts,-1\n")
    code, _, said = bring_in(migrated, path)
    assert code == 1
    assert "moods_mentions_check" in said
    assert "(1, posts, 2026-03-02 12:05:00+00, null, -1," in said
    assert count(market, "moods") == 0


def test_late_rows_are_refreshed_through_marks(market: Connection) -> None:
    rows = moods(Window(EDGE - DAY, EDGE - DAY + 2 * HOUR))
    insert(market, rows[:30])
    refresh_marked(market)
    late = [row for row in rows if row.time != rows[0].time]
    insert(market, rows[30:])
    market.execute("DELETE FROM market.moods WHERE time = %s", [rows[0].time])
    refresh_marked(market)
    assert_rolled_up(market, late)


def test_its_retention_waits_for_its_rollups_and_holds_up_no_candles(market: Connection) -> None:
    window = Window(EDGE - DAY, EDGE - DAY + 2 * HOUR)
    store_candles(market, window.starts, window.ends)
    refresh_all(market, NOON)
    insert(market, moods(window))
    assert drop(market, "moods", NOON) == (0, "moods from 2025-11-20T00:00Z on: what is derived of it is stale")
    assert drop(market, "candles", NOON) == (1, None)
    refresh_all(market, NOON)
    assert drop(market, "moods", NOON) == (1, None)
    assert [count(market, name) for name in _TABLES] == [0, 16, 4]


def test_its_policies_are_applied_of_its_section_and_drift_is_noticed(market: Connection, wanted: Policies) -> None:
    assert lint(wanted) == []
    assert maintain(market, NOON, wanted=wanted).drifted
    assert maintain(market, NOON + 5 * MINUTE, wanted=wanted).drift == 0
    market.execute("SELECT set_chunk_time_interval('market.moods', INTERVAL '1 day')")
    (found,) = plan_policies(market, NOON, wanted).actions
    assert "moods" in str(found)
    maintain(market, NOON + 10 * MINUTE, wanted=wanted)
    assert not plan_policies(market, NOON, wanted).actions


def test_its_gaps_are_found_by_its_cadence_and_healed_by_its_rows(
    market: Connection, migrated: str, tmp_path: Path
) -> None:
    rows = moods(Window(NOON - HOUR, NOON))
    missing = [row for row in rows if row.time == NOON - 30 * MINUTE]
    insert(market, [row for row in rows if row not in missing])
    look(market)
    assert gaps(market) == [(NOON - 30 * MINUTE, 1, False)]
    assert bring_in(migrated, written(missing, tmp_path / "missing.csv"))[0] == 0
    look(market)
    assert gaps(market) == [(NOON - 30 * MINUTE, 1, True)]


def look(connection: Connection) -> None:
    """The live gap monitor."""
    options: dict[str, Any] = {"piece_candles": 1000, "verify_buckets": 0, "share_instruments": 10}
    watch_live_gaps(connection, NOON, **options, has_time=always)


def gaps(connection: Connection) -> Sequence[tuple[datetime, int, bool]]:
    query = "SELECT starts, minutes, healed_at IS NOT NULL FROM market.gaps WHERE dataset = 'moods' ORDER BY 1"
    return connection.execute(query).fetchall()


def test_the_route_answers_it_by_pages_as_its_model_says(market: Connection, migrated: str) -> None:
    rows = moods(WINDOW)
    insert(market, rows)
    refresh_marked(market)
    first = ask(migrated, from_="2026-03-02T09:00:00Z", limit=3)
    assert (first.status, first.json["timeframe"], first.json["dataset"]) == (200, "5m", "moods")
    row = first.json["rows"][2]
    assert row == {
        "time": "2026-03-02T09:05:00Z", "source": "news, wire", "score": 1.125, "mentions": 1, "spread": 1 / 7,
        "topics": 2, "headline": None, "headline_time": "2026-03-02T09:02:59Z", "reviewed": False,
    }  # fmt: skip
    following = ask(migrated, from_="2026-03-02T09:00:00Z", limit=3, cursor=first.json["next_cursor"])
    told = [(each["time"], each["source"]) for page in (first, following) for each in page.json["rows"]]
    assert told == [(f"{each.time:%Y-%m-%dT%H:%M:%SZ}", each.source) for each in rows[:6]]
    # Without a start the newest come first; a tag says that the caller has them.
    newest = ask(migrated, source="news, wire", limit=2, timeframe="1h")
    assert [each["time"] for each in newest.json["rows"]] == ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"]
    asked = {"source": "news, wire", "limit": 2, "timeframe": "1h"}
    assert ask(migrated, **asked, if_none_match=newest.headers["ETag"]).status == 304
    before = ask(migrated, **asked, cursor=newest.json["next_cursor"])
    assert [each["time"] for each in before.json["rows"]] == ["2026-03-02T09:00:00Z"]
    (bucket,) = before.json["rows"]
    expected = folded(rows, HOUR)[NOON - 3 * HOUR, "news, wire"]
    # The mean, not what it is made of.
    assert set(bucket) == {"time", "source", *expected}
    assert bucket["mood"] == pytest.approx(float(expected["mood"]))


def test_the_route_refuses_what_is_not_there(market: Connection, migrated: str) -> None:
    with settings(migrated):
        unknown = get(f"/api/v1/data/candles/{KEY}")
    assert (unknown.status, unknown.json["detail"]) == (
        404,
        (
            "there is no data set 'candles' to read here; there is:"
            " open_interest, option_quotes, strike_candles, ticks, flows, sentiment, moods"
        ),
    )
    assert ask(migrated, timeframe="5m").status == 200
    assert ask(migrated, timeframe="30m").fields == ["timeframe"]
    assert ask(migrated, strike=100).fields == ["strike"]
    first = ask(migrated, limit=1)
    assert first.json["next_cursor"] is None
    for cursor in ("x", "bm9uZQ"):
        assert ask(migrated, cursor=cursor).fields == ["cursor"]
    insert(market, moods(WINDOW))
    tampered = read_cursor_of(ask(migrated, limit=1)) | {"position": json.dumps([NOON.isoformat(), "\ud800"])}
    assert ask(migrated, limit=1, cursor=write_cursor(tampered)).fields == ["cursor"]


def read_cursor_of(answer: Answer) -> dict[str, Any]:
    text = answer.json["next_cursor"]
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def test_a_time_without_end_is_an_error_that_says_so(market: Connection, migrated: str) -> None:
    insert(market, moods(WINDOW))
    market.execute("UPDATE market.moods SET headline_time = 'infinity' WHERE source = 'posts'")
    code, _, said = chandlery(migrated, "show", "moods", KEY, "--from", "2026-03-02", "--to", "2026-03-03")
    assert code == 1
    assert "the database refused: timestamp too large" in said


def test_a_double_that_is_no_number_is_null_in_json(market: Connection, migrated: str) -> None:
    insert(market, moods(WINDOW)[:1])
    market.execute("UPDATE market.moods SET spread = 'NaN'")
    code, said, _ = chandlery(migrated, "show", "moods", KEY, "--from", "2026-03-02", "--to", "2026-03-03", "--json")
    (row,) = json.loads(said, parse_constant=pytest.fail)
    assert (code, row["spread"], ask(migrated).json["rows"][0]["spread"]) == (0, None, None)


def test_an_instrument_goes_with_its_rows_when_asked_for(market: Connection) -> None:
    insert(market, moods(WINDOW))
    with pytest.raises(Permanent, match=f"{KEY} has moods; to delete them as well"):
        instruments.remove(market, KEY)
    instruments.remove(market, KEY, with_data=True)
    assert count(market, "moods") == 0


def test_the_document_has_a_route_and_models_of_it(market: Connection, migrated: str) -> None:
    document = json.loads(application.get_openapi_json_schema())
    operation = document["paths"]["/api/v1/data/moods/{instrument_key}"]["get"]
    queries = {each["name"]: each["schema"] for each in operation["parameters"]}
    assert queries["timeframe"]["enum"] == ["5m", "15m", "1h"]
    assert queries["source"] == {"type": "string"}
    models = document["components"]["schemas"]
    assert {"MoodsRows", "MoodsRollups"} <= models.keys()
    assert models["MoodsRow"]["properties"]["time"] == {"type": "string", "format": "date-time", "title": "Time"}
    assert {"mood", "opened", "headline_time"} <= models["MoodsRollup"]["properties"].keys()


def test_the_command_shows_it(market: Connection, migrated: str) -> None:
    rows = moods(WINDOW)
    insert(market, rows)
    refresh_marked(market)
    asked = ("show", "moods", KEY, "15m", "--from", "2026-03-02T09:00Z", "--to", "2026-03-02T10:00Z")
    code, said, _ = chandlery(migrated, *asked, "--where", "source=posts", "--csv")
    assert code == 0
    told = list(csv.DictReader(io.StringIO(said)))
    expected = {at: bucket for (at, source), bucket in folded(rows, 15 * MINUTE).items() if source == "posts"}
    assert [each["time"] for each in told] == [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in sorted(expected)[:4]]
    assert [Decimal(each["mood"]) for each in told] == [
        pytest.approx(expected[at]["mood"]) for at in sorted(expected)[:4]
    ]
    code, said, remark = chandlery(migrated, *asked, "--json", "--limit", "3")
    assert (code, len(json.loads(said)), remark) == (0, 3, "the first 3 are shown, more: --limit N\n")
    assert chandlery(migrated, "show", "moods", KEY, *asked[4:])[0] == 0
    assert "have no timeframe 30m; there is: 5m, 15m, 1h" in chandlery(migrated, *asked[:3], "30m", *asked[4:])[2]
    twice = chandlery(migrated, *asked, "--where", "source=posts", "--where", "source=news")
    assert (twice[0], "one value of each dimension" in twice[2]) == (1, True)


def test_its_rollups_are_rebuilt_and_refreshed_by_command(
    market: Connection, migrated: str, wanted: Policies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.command_line.derived.read_policies", lambda: wanted)
    rows = moods(WINDOW)
    insert(market, rows)
    window = ("--from", "2026-03-02", "--to", "2026-03-03")
    assert chandlery(migrated, "refresh", "1h", *window, "--dataset", "moods")[0] == 0
    assert_rolled_up(market, rows)
    refresh_marked(market)
    lowest = moods_declared().rollups[0].relation
    market.execute(f"UPDATE {relation_of(market, lowest)} SET mood_total = 0 WHERE time = %s", [WINDOW.starts])  # noqa: S608
    code, _, said = chandlery(migrated, "rebuild", "15m", "--dataset", "moods")
    assert code == 1
    assert "2 buckets would change" in said
    assert chandlery(migrated, "rebuild", "15m", "--dataset", "moods", "--accept-differences")[0] == 0
    assert verifications.verify_derived(market, lowest, WINDOW).wrong == 0
    assert_rolled_up(market, rows)
    assert chandlery(migrated, "rebuild", "15m", "--dataset", "moods", "--discard-before")[0] == 0


def test_it_goes_down_and_comes_up_again(market: Connection, migrated: str, wanted: Policies) -> None:
    insert(market, [*moods(Window(EDGE - DAY, EDGE - DAY + HOUR)), *moods(WINDOW)])
    refresh_all(market, NOON)
    assert drop(market, "moods", NOON) == (1, None)
    look(market)
    market.execute("SET ROLE chandlery_owner")
    maintain(market, NOON, wanted=wanted)
    market.execute("RESET ROLE")
    jobs = "SELECT FROM timescaledb_information.jobs WHERE config ->> 'table_name' ~ 'mood'"
    assert market.execute(jobs).rowcount > 0
    migrate(migrated, "downgrade", REVISION)
    try:
        assert market.execute(jobs).rowcount == 0
        assert market.execute("SELECT FROM market.horizons WHERE table_name = 'moods'").rowcount == 0
        left = "SELECT relname FROM pg_class WHERE relnamespace = 'market'::regnamespace AND relname ~ 'mood'"
        assert market.execute(left).fetchall() == []
        assert market.execute("SELECT FROM market.rollups WHERE dataset = 'moods'").rowcount == 0
    finally:
        migrate(migrated, "upgrade", "9999")
    assert market.execute("SELECT FROM market.rollups WHERE dataset = 'moods'").rowcount == 2
