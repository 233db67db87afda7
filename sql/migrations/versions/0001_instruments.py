"""Instruments, calendars and sessions."""

from chandlery.store.migrations import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0001_instruments.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0001_instruments.down.sql")
