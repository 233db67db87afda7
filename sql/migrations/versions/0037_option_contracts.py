"""Option contracts, their quotes and open interest, and interest rates."""

from chandlery.platform.migrations import run_script

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None
serves_code_from = "0035"


def upgrade() -> None:
    """Create the tables, and the triggers that mark what is made of their rows."""
    run_script("0037_option_contracts.up.sql")


def downgrade() -> None:
    """Drop them."""
    run_script("0037_option_contracts.down.sql")
