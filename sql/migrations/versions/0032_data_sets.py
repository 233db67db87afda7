"""Marks, presence, gaps and what was judged say of which data set they are; marks of hours are of one kind."""

from chandlery.store.migrations import run_script

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None
# Keys that code before conflicts on have become longer, and its tables of marks are gone.
serves_code_from = "0032"


def upgrade() -> None:
    """Name the data set of each row, which so far is that of candles; put the marks of hours into one table."""
    run_script("0032_data_sets.up.sql")


def downgrade() -> None:
    """Take the column away, unless there are rows of another data set."""
    run_script("0032_data_sets.down.sql")
