"""Retention and refreshes take turns."""

from chandlery.store.migrations import run_script

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the function that drops."""
    run_script("0011_horizon_lock.up.sql")


def downgrade() -> None:
    """Put the former one back."""
    run_script("0011_horizon_lock.down.sql")
