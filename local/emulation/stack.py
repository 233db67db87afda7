"""The stack in the emulator: deployed as the one for development, its live processor on a schedule of one minute."""

import json
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from local.emulation.aws import Emulator
from local.emulation.building import parameters

NAME = "chandlery-emulated"
LIVE_PROCESSOR, MIGRATE = f"{NAME}-live-processor", f"{NAME}-migrate"
# As samconfig.toml names it for development.
SECRET = "chandlery/dev/database"  # noqa: S105  # its name
# ministack's scheduler knows rates only, and does not put the scheduled time into the input.
_SCHEDULE = ('LiveSchedule="rate(1 minute)"', 'ScheduledInput=\'{"scheduled_at": "now"}\'')


def deploy(aws: Emulator, built: Path, database_url: str, *given: str) -> None:
    """Deploy what `sam build` made, on a database of this machine; `given` are further parameters, as `Name=value`.

    Raises:
        EmulationError: it failed.
    """
    aws.client("secretsmanager").create_secret(Name=SECRET, SecretString=secret_of(database_url))
    aws.deploy(built / "template.yaml", NAME, [f"DatabaseSecretId={SECRET}", *parameters(), *_SCHEDULE, *given])


def api_url(aws: Emulator) -> str:
    """Where its HTTP API answers."""
    return outputs_of(aws)["ApiUrl"]


def outputs_of(aws: Emulator) -> Mapping[str, str]:
    """What it says of itself."""
    (found,) = aws.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
    return {str(output["OutputKey"]): str(output["OutputValue"]) for output in found["Outputs"]}


def secret_of(url: str) -> str:
    """What Secrets Manager holds of a database on this machine."""
    known = conninfo_to_dict(url)
    named = {name: known.get(name, "") for name in ("host", "port", "user", "password", "dbname")}
    return json.dumps(named | {"sslmode": "disable"})
