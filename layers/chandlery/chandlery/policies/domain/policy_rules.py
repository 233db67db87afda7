"""What policies may not be: they would lose data, or never work. Each rule says so in a sentence."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from chandlery.datasets.declared import rollups, tables
from chandlery.policies.domain.policy import SETTLE, Policies, TablePolicies, spelled
from chandlery.words.window import WEEK

# The newest week that the historical gap monitor looks through is one to two weeks long, and lies beyond the live one.
_HISTORICAL_REACH = 3 * WEEK
_SORT_WORDS = {"ASC", "DESC", "NULLS", "FIRST", "LAST"}

Rule = Callable[[Policies], Iterator[str]]


def lint(policies: Policies) -> Sequence[str]:
    """Why these policies are refused, a sentence each; none: they may be applied."""
    return [sentence for rule in RULES for sentence in rule(policies)]


def _every_table_is_there(policies: Policies) -> Iterator[str]:
    for name in tables():
        if name not in policies:
            yield f"{name}: has no policies; write a [{name}] section, with its chunk_interval at least"


def _an_aggregate_is_refreshed(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        if tables()[name].bucket and not table.refresh:
            yield f"{name}.refresh: is missing; nothing would keep the aggregate fresh"
        if table.refresh and not tables()[name].bucket:
            yield f"{name}.refresh: {name} is no aggregate; there is nothing to refresh"


def _ticks_outlive_their_healing(policies: Policies) -> Iterator[str]:
    for retention in _retentions(policies, "ticks"):
        if retention < WEEK:
            yield (
                f"ticks.retention.after: ticks would be dropped after {spelled(retention)}, before the live gap"
                f" monitor's {spelled(WEEK)} are over: it could not heal from them"
            )


def _rows_outlive_every_refresh(policies: Policies) -> Iterator[str]:
    for name, refresh in ((name, table.refresh) for name, table in policies.items()):
        dataset = tables()[name].dataset.name
        for retention in _retentions(policies, dataset):
            if refresh and retention < refresh.over + refresh.schedule:
                yield (
                    f"{dataset}.retention.after: {dataset} would be dropped after {spelled(retention)}, inside the"
                    f" {spelled(refresh.over)} over which {name} is refreshed: a refresh would delete derived history"
                )


def _candles_outlive_their_healing(policies: Policies) -> Iterator[str]:
    for retention in _retentions(policies, "candles"):
        if retention < _HISTORICAL_REACH:
            yield (
                f"candles.retention.after: candles would be dropped after {spelled(retention)}, inside the"
                f" {spelled(_HISTORICAL_REACH)} that the gap monitors look back at least: they would heal them again"
            )
        ticks = policies["ticks"].retention if "ticks" in policies else None
        if "ticks" in policies and (ticks is None or retention < ticks.after):
            kept = spelled(ticks.after) if ticks else "for ever"
            yield (
                f"candles.retention.after: candles would be dropped after {spelled(retention)} while their ticks are"
                f" kept {kept}: they would be made again from those"
            )


def _columnstore_is_no_longer_written(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        written = tables()[name].dataset.written
        if table.columnstore and table.columnstore.after < written:
            yield (
                f"{name}.columnstore.after: {spelled(table.columnstore.after)} is younger than what is still being"
                f" upserted: {name} are written for {spelled(written)}"
            )
        if table.columnstore and table.refresh and table.columnstore.after <= table.refresh.over:
            yield (
                f"{name}.columnstore.after: {spelled(table.columnstore.after)} lies inside the refresh window of"
                f" {spelled(table.refresh.over)}: the same chunk would be turned to and fro"
            )


def _columnstore_comes_before_the_end(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        if table.columnstore and table.retention and table.columnstore.after >= table.retention.after:
            yield (
                f"{name}.columnstore.after: {spelled(table.columnstore.after)} is not before retention drops the chunk,"
                f" after {spelled(table.retention.after)}: it would never be of use"
            )


def _a_refresh_covers_two_buckets(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        bucket = tables()[name].bucket
        if table.refresh and bucket and table.refresh.over < 2 * bucket + SETTLE:
            yield (
                f"{name}.refresh.over: {spelled(table.refresh.over)} is less than two buckets of {spelled(bucket)} and"
                f" the {spelled(SETTLE)} that is left out at the end: no whole bucket may lie in it"
            )


def _a_refresh_leaves_nothing_out(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        bucket = tables()[name].bucket
        if table.refresh and bucket and table.refresh.schedule + bucket + SETTLE > table.refresh.over:
            yield (
                f"{name}.refresh.schedule: every {spelled(table.refresh.schedule)} is too seldom for a window of"
                f" {spelled(table.refresh.over)}: buckets would leave it before they were refreshed"
            )


def _a_chunk_ends_before_it_is_dropped(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        for key, length in _chunk_intervals(table):
            if table.retention and length > table.retention.after:
                yield (
                    f"{name}.{key}: a chunk of {spelled(length)} is longer than the"
                    f" {spelled(table.retention.after)} its rows are to be kept"
                )


def _sparse_chunks_are_longer(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        if table.sparse and table.sparse.chunk_interval <= table.chunk_interval:
            yield (
                f"{name}.sparse.chunk_interval: {spelled(table.sparse.chunk_interval)} is not longer than the"
                f" {spelled(table.chunk_interval)} of other chunks"
            )


def _chunks_hold_whole_buckets(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        dataset = tables()[name].dataset
        kept_with = {name, dataset.goes_with} if name == dataset.name else set()
        for key, length in _chunk_intervals(table):
            cut = [each for each in rollups() if each.table in kept_with and length % each.width]
            if cut:
                yield (
                    f"{name}.{key}: {spelled(length)} is not whole buckets of {cut[-1].relation}, of"
                    f" {spelled(cut[-1].width)}: retention would cut one in two"
                )


def _what_is_derived_outlives_its_source(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        source = tables()[name].source
        if not table.retention or source is None or source not in policies:
            continue
        kept = policies[source].retention
        if kept is None or table.retention.after < kept.after:
            yield (
                f"{name}.retention.after: {spelled(table.retention.after)} is shorter than {source}"
                f" {'are' if source == 'candles' else 'is'} kept"
                f" ({spelled(kept.after) if kept else 'for ever'}): a refresh would bring back what was dropped"
            )


def _what_goes_along_has_no_retention(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        goes_with = tables()[name].dataset.goes_with
        if table.retention and goes_with:
            yield f"{name}.retention: {name} are dropped along with their {goes_with}; leave it out"


def _columns_exist(policies: Policies) -> Iterator[str]:
    for name, table in policies.items():
        if not table.columnstore:
            continue
        segment, order = table.columnstore.segment_by, table.columnstore.order_by
        sorted_by = [term.split()[0] if term.split() else "" for term in order]
        named = {"segment_by": segment, "order_by": sorted_by, "minmax": table.columnstore.minmax}
        for key, column in [(key, each) for key, columns in named.items() for each in columns]:
            if column not in tables()[name].columns:
                yield (
                    f"{name}.columnstore.{key}: there is no column {column!r}; there are:"
                    f" {', '.join(sorted(tables()[name].columns))}"
                )
        yield from (
            f"{name}.columnstore.order_by: {term!r} is no column with ASC or DESC"
            for term in order
            if not {word.upper() for word in term.split()[1:]} <= _SORT_WORDS
        )
        yield from _columns_work(name, table, set(segment), sorted_by)


def _columns_work(name: str, table: TablePolicies, segment: set[str], order: Sequence[str]) -> Iterator[str]:
    time = tables()[name].time
    for column in sorted(segment & set(order)):
        yield f"{name}.columnstore: {column} cannot be both in segment_by and in order_by"
    if time in segment:
        yield f"{name}.columnstore.segment_by: by {time} each segment would be a single row"
    elif time not in order and table.columnstore:
        yield f"{name}.columnstore.order_by: {time} is missing, by which rows are looked for"


def _chunk_intervals(table: TablePolicies) -> Iterator[tuple[str, timedelta]]:
    yield "chunk_interval", table.chunk_interval
    if table.sparse:
        yield "sparse.chunk_interval", table.sparse.chunk_interval


def _retentions(policies: Policies, name: str) -> Iterator[timedelta]:
    if name in policies and (retention := policies[name].retention):
        yield retention.after


RULES: Sequence[Rule] = (
    _every_table_is_there,
    _an_aggregate_is_refreshed,
    _ticks_outlive_their_healing,
    _rows_outlive_every_refresh,
    _candles_outlive_their_healing,
    _columnstore_is_no_longer_written,
    _columnstore_comes_before_the_end,
    _a_refresh_covers_two_buckets,
    _a_refresh_leaves_nothing_out,
    _a_chunk_ends_before_it_is_dropped,
    _sparse_chunks_are_longer,
    _chunks_hold_whole_buckets,
    _what_is_derived_outlives_its_source,
    _what_goes_along_has_no_retention,
    _columns_exist,
)
