"""One row per component run."""

from chandlery.store.migrations import run_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0004_runs.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0004_runs.down.sql")
