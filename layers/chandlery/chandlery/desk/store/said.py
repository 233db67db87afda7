"""What a user said, as JSON whose members are columns: one statement takes whichever of them are there."""

from collections.abc import Mapping
from functools import partial
from json import dumps
from typing import Any

from psycopg.types.json import Jsonb


def as_json(said: Mapping[str, Any]) -> Jsonb:
    """The same for the database; decimals as texts, whose digits all stay."""
    return Jsonb(said, dumps=partial(dumps, default=str))
