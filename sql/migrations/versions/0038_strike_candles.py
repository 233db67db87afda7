"""Strike candles of options, and the newest of each strike."""

from chandlery.platform.migrations import run_script

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None
serves_code_from = "0035"


def upgrade() -> None:
    """Create the tables, and what is rolled up of them."""
    run_script("0038_strike_candles.up.sql")


def downgrade() -> None:
    """Drop them; quotes and open interest stay."""
    run_script("0038_strike_candles.down.sql")
