"""Functions that knew candles alone are gone."""

from chandlery.store.migrations import run_script

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None
serves_code_from = "0033"


def upgrade() -> None:
    """Drop them: those of `sql/schema` take a data set."""
    run_script("0033_forget_by_data_set.up.sql")


def downgrade() -> None:
    """Drop those; the older code makes its own again."""
    run_script("0033_forget_by_data_set.down.sql")
