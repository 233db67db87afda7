"""Signals, the rules that are kept up, and what waits to be judged by them."""

from chandlery.platform.migrations import run_script

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Create the tables."""
    run_script("0046_signals.up.sql")


def downgrade() -> None:
    """Drop them."""
    run_script("0046_signals.down.sql")
