"""When candles are expected of each instrument."""

from chandlery.store.migrations import run_script

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
serves_code_from = "0025"


def upgrade() -> None:
    """Add; what no import is known to have brought counts as sent by its feed."""
    run_script("0026_lives.up.sql")


def downgrade() -> None:
    """Drop: candles are expected from the first one on, whoever brought it."""
    run_script("0026_lives.down.sql")
