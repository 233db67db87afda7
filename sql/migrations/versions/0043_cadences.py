"""Cadences that an operator sets for a source of rows."""

from chandlery.platform.migrations import run_script

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Create their table, and have the changed hours of sentiment and flows marked for them."""
    run_script("0043_cadences.up.sql")


def downgrade() -> None:
    """Drop it, with what is known of the gaps found by it."""
    run_script("0043_cadences.down.sql")
