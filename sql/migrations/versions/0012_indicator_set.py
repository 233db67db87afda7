"""Which indicators of the set are kept up, and how far back."""

from chandlery.store.migrations import run_script

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0012_indicator_set.up.sql")


def downgrade() -> None:
    """Drop."""
    run_script("0012_indicator_set.down.sql")
