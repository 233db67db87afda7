"""How often the candles of each hour have changed."""

from chandlery.store.migrations import run_script

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0013_hour_versions.up.sql")


def downgrade() -> None:
    """Drop."""
    run_script("0013_hour_versions.down.sql")
