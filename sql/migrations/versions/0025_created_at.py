"""When candles were first written."""

from chandlery.store.migrations import run_script

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
serves_code_from = "0025"


def upgrade() -> None:
    """Add the column; no row is rewritten."""
    run_script("0025_created_at.up.sql")


def downgrade() -> None:
    """Drop it."""
    run_script("0025_created_at.down.sql")
