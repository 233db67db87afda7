"""Ticks, dirty marks and the triggers that leave them."""

from chandlery.store.migrations import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0002_ticks.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0002_ticks.down.sql")
