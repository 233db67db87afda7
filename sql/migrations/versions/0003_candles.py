"""One-minute candles."""

from chandlery.store.migrations import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0003_candles.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0003_candles.down.sql")
