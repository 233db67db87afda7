"""Read the metrics of the expiries of an underlying."""

from collections.abc import Sequence

from psycopg import Connection

from chandlery.options.domain.metrics import ExpiryMetrics
from chandlery.options.read_chain import ChainQuery, ask_chain
from chandlery.options.store import answers
from chandlery.reference.domain.instrument import Instrument


def read_expiries(connection: Connection, underlying: Instrument, query: ChainQuery) -> Sequence[ExpiryMetrics]:
    """One for each expiry, by the chains that are asked for.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        underlying: whose options.
        query: of all strikes, without a limit.

    Raises:
        Refused: a value is wrong; says what there is.
        NotFound: it has no options.
        Retryable, Permanent: from the database.
    """
    asked = ask_chain(connection, underlying, query)
    return answers.read_expiries(connection, asked) if asked else []
