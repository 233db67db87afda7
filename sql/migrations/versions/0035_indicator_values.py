"""Values of indicators stand under a number in place of timeframe, name and parameters."""

from chandlery.store.migrations import run_script

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None
# Code before writes into what is a view now.
serves_code_from = "0035"


def upgrade() -> None:
    """Carry all values over, chunk by chunk; a view has the table's name and columns."""
    run_script("0035_indicator_values.up.sql")


def downgrade() -> None:
    """Carry them back."""
    run_script("0035_indicator_values.down.sql")
