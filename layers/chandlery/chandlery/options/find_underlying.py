"""Find an underlying by the symbol in its key."""

from psycopg import Connection

from chandlery.platform.errors import NotFound, Refused
from chandlery.platform.statements import run


def find_underlying(connection: Connection, symbol: str) -> str:
    """The key of the one underlying that has options and this symbol.

    Raises:
        NotFound: there is none; names some that there are.
        Refused: there are several; names them.
    """
    keys: list[str] = [key for (key,) in run(connection, "list_underlyings")]
    found = [key for key in keys if key.split("@")[1] == symbol]
    if not found:
        raise NotFound(f"no underlying {symbol[:60]} has options; these have: {', '.join(keys[:12]) or 'none'}")
    if len(found) > 1:
        raise Refused(
            "symbol", f"{symbol} is the symbol of several underlyings; name one by its key: {', '.join(found)}"
        )
    return found[0]
