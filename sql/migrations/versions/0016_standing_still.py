"""Runs that were switched off or dry, and what a dry run needs."""

from chandlery.store.migrations import run_script

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0016_standing_still.up.sql")


def downgrade() -> None:
    """Drop; rows of runs that were switched off or dry go, for what was before has no word for them."""
    run_script("0016_standing_still.down.sql")
