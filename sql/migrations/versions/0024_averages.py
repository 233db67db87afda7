"""Averages to 18 significant digits."""

from chandlery.store.migrations import run_script

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None
serves_code_from = "0024"


def upgrade() -> None:
    """Create."""
    run_script("0024_averages.up.sql")


def downgrade() -> None:
    """Drop."""
    run_script("0024_averages.down.sql")
