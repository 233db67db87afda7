"""The one list of roll-ups: what each is, and what it is made of."""

from chandlery.store.migrations import run_script

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None
serves_code_from = "0030"


def upgrade() -> None:
    """Create the list, with the roll-ups of candles on it."""
    run_script("0031_rollups.up.sql")


def downgrade() -> None:
    """Drop it."""
    run_script("0031_rollups.down.sql")
