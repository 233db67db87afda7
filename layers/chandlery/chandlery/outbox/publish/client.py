"""Clients of AWS, made where they are first needed."""

from typing import Any

# The run goes on after that: what was not taken waits for the next one.
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 5, 2


def aws_client(service: Any) -> Any:
    """A client of a service in the function's own region, which gives up soon."""
    # Imported here: boto3 is a quarter of a second that a function with nothing to deliver need not pay.
    import boto3
    from botocore.config import Config

    patience = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )
    return boto3.client(service, config=patience)
