"""A new migration's three files, in a checkout."""

import re
from pathlib import Path

from chandlery.platform.errors import Permanent

_MODULE = '''"""{message}."""

from chandlery.platform.migrations import run_script

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
serves_code_from = "{revision}"


def upgrade() -> None:
    """Create."""
    run_script("{stem}.up.sql")


def downgrade() -> None:
    """Take back."""
    run_script("{stem}.down.sql")
'''
_SECTION = """
## {revision}: {message}

- Tables and views gone: none
- Columns gone: none
- Lost: …
- Safe: …
- `chandlery migrate downgrade {before}`
"""


def create_migration(message: str, checkout: Path) -> tuple[list[Path], str]:
    """Write the module and both SQL files of the next number.

    Returns:
        The files, and what is left to do by hand, as Markdown.

    Raises:
        Permanent: the message has no word to name it by, or this is no checkout.
    """
    message = message.strip().rstrip(".")
    words = re.findall(r"[a-z0-9]+", message.lower())
    if not words or "\n" in message or '"' in message or "\\" in message:
        raise Permanent("say in a few plain words on one line what the migration makes: -m 'quotes of options'")
    versions = checkout / "sql" / "migrations" / "versions"
    known = sorted(path.name[:4] for path in versions.glob("[0-9][0-9][0-9][0-9]_*.py"))
    if not known or not (checkout / "docs" / "rollback.md").exists():
        raise Permanent("a migration can only be created in a checkout of Chandlery; this is not one")
    before, revision = known[-1], f"{int(known[-1]) + 1:04}"
    stem = f"{revision}_{'_'.join(words)}"
    named = {"message": message[0].upper() + message[1:], "revision": revision, "before": before, "stem": stem}
    contents = {
        f"{stem}.py": _MODULE.format(**named),
        f"{stem}.up.sql": f"-- {named['message']}.\n",
        f"{stem}.down.sql": f"-- Takes back what {stem}.up.sql makes.\n",
    }
    try:
        for name, content in contents.items():
            (versions / name).write_text(content)
    except OSError as error:
        raise Permanent(f"{versions} cannot be written to: {error.strerror}") from None
    return [versions / name for name in contents], _left_to_do(message, revision, before)


def _left_to_do(message: str, revision: str, before: str) -> str:
    return (
        f'- both SQL files; `serves_code_from = "{before}"`, where code of {before} works on the new schema unchanged\n'
        "- functions and views: their files in sql/schema; the down script drops new ones, the up script those that the"
        " code before no longer calls, with IF EXISTS\n"
        f'- `REVISION = "{revision}"` in layers/chandlery/chandlery/platform/schema.py\n'
        f"- `python -m local.catalogue`, against a database that is migrated\n"
        f"- in docs/rollback.md, at the top of the sections:\n"
        + _SECTION.format(message=message, revision=revision, before=before)
    )
