"""Prices below zero where an instrument may have them, sessions with several breaks, days an operator imported."""

from chandlery.store.migrations import run_script

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
serves_code_from = "0024"


def upgrade() -> None:
    """Change the tables, and the functions that read them."""
    run_script("0024_markets.up.sql")


def downgrade() -> None:
    """Change them back; a session keeps its first break alone."""
    run_script("0024_markets.down.sql")
