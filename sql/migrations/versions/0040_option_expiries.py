"""Expiries of options: rows of strike candles are expected of each by itself."""

from chandlery.platform.migrations import run_script

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Make an instrument of each expiry, and have the minutes of strike candles counted by expiry."""
    run_script("0040_option_expiries.up.sql")


def downgrade() -> None:
    """Remove them, with what is known of their gaps."""
    run_script("0040_option_expiries.down.sql")
