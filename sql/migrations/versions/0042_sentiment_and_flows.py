"""Sentiment and flows, and what is rolled up of them."""

from chandlery.platform.migrations import run_script

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Create the tables, their triggers and roll-ups."""
    run_script("0042_sentiment_and_flows.up.sql")


def downgrade() -> None:
    """Drop them."""
    run_script("0042_sentiment_and_flows.down.sql")
