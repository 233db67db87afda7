"""Hold the policies wanted against those found, and make the database have them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.errors import ChandleryError, Permanent, Retryable
from chandlery.policies.domain.drops import let_go
from chandlery.policies.domain.found import Found, FoundJob
from chandlery.policies.domain.policy import Policies, workers_needed
from chandlery.policies.domain.policy_plan import Action, plan, release_history, releases
from chandlery.policies.domain.policy_rules import lint
from chandlery.policies.store import policies as store
from chandlery.policies.store.policies import Scheduler
from chandlery.words.counting import spell

_MOST_NAMED = 3


@dataclass(frozen=True)
class PolicyPlan:
    """What is to be done, what the database has, and who carries out its policies.

    `held` is what retention may do once the operator permits it, of tables where no row is old enough yet; `going` says
    what it drops next, a sentence for each table. `workers_needed` are the background workers with which no job waits
    for another.
    """

    actions: Sequence[Action]
    held: Sequence[Action]
    going: Sequence[str]
    found: Found
    scheduler: Scheduler
    workers_needed: int

    @property
    def strangers(self) -> Sequence[FoundJob]:
        """Jobs that are left alone."""
        return self.found.strangers

    def allowed(self, *, destructive: bool) -> Sequence[Action]:
        """The actions that may be carried out: all with the operator's permission, or those that need none."""
        if destructive:
            return [*self.actions, *self.held]
        return [action for action in self.actions if not action.destructive]


def plan_policies(connection: Connection, at: datetime, wanted: Policies, *, count_rows: bool = False) -> PolicyPlan:
    """What would be done; nothing is changed.

    Args:
        connection: in autocommit mode.
        at: the moment by which policies are judged, aware.
        wanted: the policies to be kept.
        count_rows: of what would be dropped, and of history; that takes long.

    Raises:
        Permanent: the policies cannot work, or the database is not one they can be kept for.
        Retryable: the database did not answer.
    """
    refuse_unworkable(wanted)
    scheduler = store.describe_scheduler(connection, at)
    # What is set up drops rows by the server's clock, whatever time is replayed.
    found = store.find(connection, wanted, max(at, scheduler.server_time), count_rows=count_rows)
    actions = plan(wanted, found)
    unreleased = releases(wanted, found)
    return PolicyPlan(
        actions,
        [each for each in unreleased if each not in actions],
        list(let_go(found.due, but_of={each.table for each in unreleased})),
        found,
        scheduler,
        workers_needed(wanted, scheduler.schedulers),
    )


def refuse_unworkable(wanted: Policies) -> None:
    """Refuse policies that would lose data or never work.

    Raises:
        Permanent: why, a sentence each.
    """
    if problems := lint(wanted):
        raise Permanent(f"the policies are refused: {'; '.join(problems)}; correct policies.toml")


@dataclass(frozen=True)
class Applied:
    """The actions done, and those that failed with their errors."""

    done: Sequence[Action]
    failed: Sequence[tuple[Action, ChandleryError]]

    def failure(self) -> ChandleryError | None:
        """What failed, as one error; none where nothing did."""
        if not self.failed:
            return None
        kind = Retryable if any(isinstance(error, Retryable) for _, error in self.failed) else Permanent
        said = [f"{action.says}: {error}" for action, error in self.failed[:_MOST_NAMED]]
        if len(self.failed) > _MOST_NAMED:
            said.append(f"and so for {spell(len(self.failed) - _MOST_NAMED, 'more table')}")
        made = spell(len(self.done), "change of policies was", "changes of policies were")
        return kind(f"{made} made, others failed: {'; '.join(said)}")


def put_right(connection: Connection, actions: Sequence[Action], has_time: Callable[[], bool]) -> Applied:
    """Carry out actions one by one, each committed; where a table is in use, its later ones are left for another run.

    What would fail again ends it: a role without a right to one table may add jobs to another, and would own them.

    Raises:
        Retryable: the connection was lost.
    """
    done, failed = list[Action](), dict[str, tuple[Action, ChandleryError]]()
    for action in actions:
        if action.table in failed:
            continue
        if not has_time():
            break
        try:
            store.apply(connection, action)
        except ChandleryError as error:
            if connection.closed:
                raise
            failed[action.table] = action, error
            if isinstance(error, Permanent):
                break
        else:
            done.append(action)
    return Applied(done, list(failed.values()))


def apply_policies(
    connection: Connection,
    at: datetime,
    wanted: Policies,
    *,
    allow_destructive: bool,
    history: Collection[str] = (),
) -> tuple[PolicyPlan, Sequence[Action]]:
    """Carry out what is allowed of the plan, each change by itself; returns the plan, and what was done of it.

    Args:
        connection: in autocommit mode.
        at: the moment by which policies are judged, aware.
        wanted: the policies to be kept.
        allow_destructive: also what drops rows; retention may from then on go by the clock, of every table.
        history: tables of which history older than retention may go as well, as much of it as is there now.

    Raises:
        Permanent: as `plan_policies`, a table has no such history, or the role may not do it; what was done stays.
        Retryable: the database did not answer or gave no lock, or somebody else keeps the policies right now.
    """
    with store.keeping(connection) as granted:
        if not granted:
            raise Retryable("another run keeps the policies right now; try again when it is over")
        planned = plan_policies(connection, at, wanted, count_rows=True)
        allowed = list(planned.allowed(destructive=allow_destructive))
        allowed += _released(history, planned.found)
        applied = put_right(connection, allowed, lambda: True)
    if failure := applied.failure():
        raise failure
    return planned, applied.done


def _released(history: Collection[str], found: Found) -> Iterator[Action]:
    for table in history:
        action = release_history(table, found)
        if action is None:
            known = sorted({chunk.table_name for chunk in found.due if chunk.is_kept})
            raise Permanent(
                f"{table} has no history older than its retention; tables that have: {', '.join(known) or 'none'}; see:"
                " chandlery policies plan"
            )
        yield action
