"""Sentiment and flows, and what is rolled up of them."""

from chandlery.platform.migrations import run_script

revision = "0043"
down_revision = "0038"
branch_labels = None
depends_on = None
serves_code_from = "0035"


def upgrade() -> None:
    """Create the tables, their triggers and roll-ups."""
    run_script("0043_sentiment_and_flows.up.sql")


def downgrade() -> None:
    """Drop them."""
    run_script("0043_sentiment_and_flows.down.sql")
