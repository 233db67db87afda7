"""Recursive indicators go on from where they stand."""

from chandlery.store.migrations import run_script

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None
# Code before writes values and leaves the states behind.
serves_code_from = "0034"


def upgrade() -> None:
    """Create the table; each series fills its row when next computed."""
    run_script("0034_indicator_states.up.sql")


def downgrade() -> None:
    """Drop it."""
    run_script("0034_indicator_states.down.sql")
