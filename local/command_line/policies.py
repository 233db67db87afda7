"""`chandlery policies`: the policies wanted of the database, held against those found."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from chandlery.platform.errors import Permanent
from chandlery.policies.apply_policies import PolicyPlan, apply_policies, plan_policies
from chandlery.policies.domain.drops import PastDrop, kept_history
from chandlery.policies.domain.policy_plan import Action, PolicyStep
from chandlery.policies.domain.policy_rules import lint as find_problems
from chandlery.policies.store.policies import Scheduler, list_drops
from chandlery.policies.wanted import read_policies
from chandlery.words.counting import spell
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, out, plain, show_json

_LAST_DROPS = 5

app = typer.Typer(no_args_is_help=True, help="Compare and apply the policies of sql/policies.toml.")


@app.command()
def plan(as_json: AsJson = False) -> None:
    """Show what differs from the policies in the file, and what `apply` would do; nothing is changed."""
    with open_connection() as connection:
        planned = plan_policies(connection, datetime.now(UTC), read_policies(), count_rows=True)
        drops = list_drops(connection, _LAST_DROPS)
    _show(planned, planned.allowed(destructive=False), as_json=as_json, drops=drops)
    if planned.allowed(destructive=False) and not as_json:
        err.print("nothing was changed; run: chandlery policies apply")


@app.command()
def apply(
    allow_destructive: Annotated[
        bool, typer.Option("--allow-destructive", help="also what drops rows, or drops them sooner")
    ] = False,
    history: Annotated[
        list[str] | None,
        typer.Option(
            "--history",
            metavar="TABLE",
            help="with --allow-destructive: also drop the history of TABLE that the plan names",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Apply the policies in the file, one by one. What would drop rows waits for permission.

    --allow-destructive also lets retention drop rows from then on, as they get old. Chunks that hold imported rows, or
    rows written long after their time, stay until --history names their table. It covers the chunks that the plan
    names, with the rows they hold now, and nothing that comes later.
    """
    if history and not allow_destructive:
        raise typer.BadParameter("it drops rows: add --allow-destructive", param_hint="--history")
    with open_connection() as connection:
        planned, done = apply_policies(
            connection,
            datetime.now(UTC),
            read_policies(),
            allow_destructive=allow_destructive,
            history=history or (),
        )
    _show(planned, done, as_json=as_json)


@app.command()
def lint(as_json: AsJson = False) -> None:
    """Check the policies in the file, without a database."""
    problems = find_problems(read_policies())
    if as_json:
        show_json(problems)
    for problem in () if as_json else problems:
        out.print(problem, soft_wrap=True, markup=False)
    if problems:
        raise Permanent(f"{spell(len(problems), 'problem')} in policies.toml")
    if not as_json:
        out.print("the policies are valid")


def _show(planned: PolicyPlan, actions: Sequence[Action], *, as_json: bool, drops: Sequence[PastDrop] = ()) -> None:
    strangers = [f"job {job.job_id}, {job.procedure}" for job in planned.strangers]
    released = {action.table for action in actions if action.step is PolicyStep.RELEASE_HISTORY}
    kept = list(kept_history(planned.found.due, but_of=released))
    waiting = [each for each in planned.allowed(destructive=True) if each.destructive and each not in actions]
    if as_json:
        show_json(
            {
                "actions": [
                    {
                        "table": each.table,
                        "says": each.says,
                        "destructive": each.destructive,
                        "drops_rows": each.drops_rows,
                    }
                    for each in actions
                ],
                "waiting_for_permission": [_said(each) for each in waiting],
                "dropped_next": planned.going,
                "history_kept": kept,
                "drops": [asdict(drop) for drop in drops],
                "strange_jobs": strangers,
                "scheduler_runs": planned.scheduler.runs,
                "workers": planned.scheduler.workers,
                "workers_needed": planned.workers_needed,
            }
        )
        return
    for action in actions:
        out.print(_said(action), soft_wrap=True)
    if not planned.actions:
        out.print("the database has the policies of the file")
    _list(
        "waits for your permission", map(_said, waiting), "to permit it: chandlery policies apply --allow-destructive"
    )
    _list("retention drops next", planned.going)
    let_go = "to let it be dropped: chandlery policies apply --allow-destructive --history TABLE"
    _list("kept, though older than retention", kept, let_go)
    for drop in drops:
        out.print(f"dropped at {plain(drop.dropped_at)}: {drop}", soft_wrap=True)
    _list("left alone", strangers)
    if not planned.scheduler.runs:
        out.print("no background scheduler runs: policy maintenance carries out the policies")
    for line in workers_lines(planned.scheduler, planned.workers_needed):
        out.print(line, soft_wrap=True)


def _list(what: str, lines: Iterable[str], advice: str = "") -> None:
    """Print a line for each, and the advice where there is any line."""
    said = [f"{what}: {line}" for line in lines]
    for line in [*said, advice] if said and advice else said:
        out.print(line, soft_wrap=True, markup=False)


def _said(action: Action) -> str:
    return f"{action.says}{' (rows will be dropped)' if action.drops_rows else ''}"


def workers_lines(scheduler: Scheduler, needed: int) -> Iterator[str]:
    """What to tell of a server's background workers; nothing where no scheduler could use them."""
    if not scheduler.may_run:
        return
    line = f"background workers: {needed} needed, timescaledb.max_background_workers allows {scheduler.workers}"
    if scheduler.workers < needed:
        line += f"; jobs will be late: set it to {needed}, max_worker_processes to {needed + 10} at least, and restart"
    yield line
