"""What feeds do, and which minutes have a candle."""

from chandlery.store.migrations import run_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0005_presence.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0005_presence.down.sql")
