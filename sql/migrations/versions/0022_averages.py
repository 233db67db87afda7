"""Averages to 18 significant digits."""

from chandlery.store.migrations import run_script

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
serves_code_from = "0022"


def upgrade() -> None:
    """Create."""
    run_script("0022_averages.up.sql")


def downgrade() -> None:
    """Drop."""
    run_script("0022_averages.down.sql")
