"""Stored indicators."""

from chandlery.store.migrations import run_script

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0009_indicators.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0009_indicators.down.sql")
