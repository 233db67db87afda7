"""Every five minutes: the policies wanted against those found, and whatever no scheduler does."""

from chandlery.outbox.finish_run import tend_outbox
from chandlery.platform.component import Run, component
from chandlery.policies.maintain_policies import PolicyReport, maintain_policies
from chandlery.policies.wanted import read_policies


@component("policy_maintenance", finish=tend_outbox)
def handler(run: Run) -> PolicyReport:
    """Keep the policies, and refresh a share of what is stale."""
    return maintain_policies(
        run.connection,
        run.scheduled_at,
        wanted=read_policies(),
        most_marks=run.settings.policy_stale_marks,
        refresh_piece_minutes=run.settings.refresh_piece_minutes,
        has_time=run.has_time,
        replayed=run.replayed,
    )
