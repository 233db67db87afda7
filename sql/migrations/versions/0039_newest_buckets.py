"""The newest bucket of five minutes of each strike, and indexes by rank over the roll-ups of strike candles."""

from chandlery.platform.migrations import run_script

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None
# Older code would write minutes and leave the newest buckets as they were, and nothing would fill them again.
serves_code_from = "0039"


def upgrade() -> None:
    """Create and fill the table, and create the indexes."""
    run_script("0039_newest_buckets.up.sql")


def downgrade() -> None:
    """Drop them; nothing is lost that is not stored elsewhere."""
    run_script("0039_newest_buckets.down.sql")
