"""Higher timeframes, derived from minutes."""

from chandlery.store.migrations import run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0007_derived.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0007_derived.down.sql")
