"""Several hosts in one address: the one that takes writes is used."""

from urllib.parse import urlsplit, urlunsplit

import pytest
from pydantic import SecretStr

from chandlery.platform.connection import connect
from chandlery.platform.errors import Retryable
from chandlery.platform.settings import Settings


@pytest.fixture
def several(server_url: str) -> Settings:
    """A host where nobody listens, and the server."""
    parts = urlsplit(server_url)
    login, _, host = parts.netloc.rpartition("@")
    both = f"{login}@127.0.0.1:1,{host}" if login else f"127.0.0.1:1,{host}"
    url = urlunsplit(parts._replace(netloc=both, query="target_session_attrs=read-write"))
    return Settings(database_url=SecretStr(url))


def test_the_next_host_is_tried(several: Settings) -> None:
    with connect(several, "test") as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        assert connection.info.port != 1


def test_a_host_that_takes_no_writes_is_passed_over(several: Settings) -> None:
    with pytest.raises(Retryable, match="session is read-only"):
        connect(several, "test", read_only=True)
