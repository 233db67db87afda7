"""The outbox: messages that are written with what they report, and delivered afterwards."""

from chandlery.platform.migrations import run_script

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Create the tables."""
    run_script("0045_outbox.up.sql")


def downgrade() -> None:
    """Drop them; the marks' trigger is as the code before left it."""
    run_script("0045_outbox.down.sql")
