"""A role for those who produce ticks."""

from chandlery.store.migrations import run_script

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None
serves_code_from = "0023"


def upgrade() -> None:
    """Create."""
    run_script("0023_producers.up.sql")


def downgrade() -> None:
    """Take the rights back; the role stays."""
    run_script("0023_producers.down.sql")
