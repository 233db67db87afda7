"""The ledger of gaps, and what coverage is reckoned from."""

from chandlery.store.migrations import run_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0006_gaps.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0006_gaps.down.sql")
