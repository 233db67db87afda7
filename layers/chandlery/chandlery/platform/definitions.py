"""The schema's functions and views: the text of each, and one script that makes all of them."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

from chandlery.platform.statements import SQL

SCHEMA = SQL / "schema"
VERSIONS = SQL / "migrations" / "versions"
# The first revision whose functions and views are those of `sql/schema`; the migrations before it made their own.
FIRST = "0030"

# The text of each by its name; several functions of one name stand in one text.
Definitions = Mapping[str, str]

# A statement of a migration: up to a line's last semicolon, but for those inside of a body.
_MADE = re.compile(
    r"(?P<before>(?:^--[^\n]*\n)*)^CREATE (?:OR REPLACE )?"
    r"(?P<statement>(?:FUNCTION|PROCEDURE|VIEW) market\.(?P<made>\w+)(?:(?!\$\$|BEGIN ATOMIC|;$).)*"
    r"(?:\$\$.*?\$\$|BEGIN ATOMIC.*?^END)?[^;]*;$)"
    r"|(?P<comment>^COMMENT ON (?:FUNCTION|PROCEDURE|VIEW) market\.(?P<named>\w+)[^\n]*;$)"
    r"|^DROP (?:FUNCTION|PROCEDURE|VIEW) market\.(?P<dropped>\w+)",
    re.MULTILINE | re.DOTALL,
)
# What the server does not look into when it makes a function, or what names nothing.
_UNREAD = re.compile(r"\$\$.*?\$\$|'[^']*'|--[^\n]*", re.DOTALL)

_ALONE = """
-- To fire a trigger nobody needs the right. One that was given by hand stays.
DO $$
DECLARE
    theirs regprocedure;
BEGIN
    FOR theirs IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef AND proacl IS NULL
    LOOP
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', theirs);
    END LOOP;
END
$$;
"""


def current() -> Definitions:
    """Those of `sql/schema`."""
    return {path.stem: path.read_text() for path in sorted(SCHEMA.rglob("*.sql"))}


def of_migrations() -> Definitions:
    """Those that the migrations before `FIRST` leave, by the migrations' own text."""
    made: dict[str, str] = {}
    comments: dict[str, str] = {}
    for path in sorted(VERSIONS.glob("*.up.sql")):
        if path.name < FIRST:
            for found in _MADE.finditer(path.read_text()):
                if name := found["made"]:
                    made[name] = found["before"] + "CREATE OR REPLACE " + found["statement"] + "\n"
                elif name := found["named"]:
                    comments[name] = found["comment"] + "\n"
                else:
                    made.pop(found["dropped"], None)
                    comments.pop(found["dropped"], None)
    return {name: made[name] + comments.get(name, "") for name in sorted(made)}


def in_order(definitions: Definitions) -> Sequence[str]:
    """Their names: what the server reads when it makes a view, or a function whose body is no string, comes before."""
    needed = {name: set(re.findall(r"market\.(\w+)", _UNREAD.sub("", text))) for name, text in definitions.items()}
    order = TopologicalSorter({name: sorted(needed[name] & definitions.keys() - {name}) for name in sorted(needed)})
    return list(order.static_order())


def script(definitions: Definitions) -> str:
    """SQL that makes all of them, or makes them again: rights and whatever depends on them stay."""
    names = in_order(definitions)
    views = [name for name in names if re.search(r"^CREATE OR REPLACE VIEW", definitions[name], re.MULTILINE)]
    return "\n".join(
        [
            "SET LOCAL check_function_bodies = off;",
            "-- Locks views from above, as a reader does: nobody waits for another in a circle.",
            *(f"ALTER VIEW IF EXISTS market.{name} OWNER TO CURRENT_USER;" for name in reversed(views)),
            *(definitions[name] for name in names),
            "-- Default privileges know no difference between a table and a view.",
            f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(f'market.{name}' for name in views)} FROM chandlery_writer;",
            _ALONE,
        ]
    )


def digest(definitions: Definitions) -> str:
    """What tells one set of them from another."""
    return hashlib.sha256("".join(definitions[name] for name in sorted(definitions)).encode()).hexdigest()[:16]
