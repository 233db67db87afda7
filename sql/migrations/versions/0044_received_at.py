"""When rows came to the desk: what writers of ticks, quotes and all else that is sent need not say."""

from chandlery.platform.migrations import run_script

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Add the columns, and what they hold where nobody says."""
    run_script("0044_received_at.up.sql")


def downgrade() -> None:
    """Drop them."""
    run_script("0044_received_at.down.sql")
