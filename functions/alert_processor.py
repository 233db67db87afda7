"""Every minute: the alerts whose levels were crossed in minutes whose candles changed."""

from chandlery.desk.evaluate_alerts import AlertsReport, evaluate_alerts
from chandlery.outbox.finish_run import ALERTS, delivering
from chandlery.platform.component import Run, component


@component("alert_processor", finish=delivering(ALERTS))
def handler(run: Run) -> AlertsReport:
    """Wait until the live processor has had its turn, then evaluate what changed."""
    run.settle(run.settings.alert_settle_seconds)
    return evaluate_alerts(run.connection, run.scheduled_at, has_time=run.has_time)
