"""Feeds that are not live."""

from chandlery.store.migrations import run_script

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
serves_code_from = "0018"


def upgrade() -> None:
    """Add the column."""
    run_script("0018_feeds_not_live.up.sql")


def downgrade() -> None:
    """Drop it: every feed counts as live again."""
    run_script("0018_feeds_not_live.down.sql")
