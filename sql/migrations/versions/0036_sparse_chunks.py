"""Columns tell the least and greatest of what is named."""

from chandlery.platform.migrations import run_script

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None
# Code before never calls what is new.
serves_code_from = "0035"


def upgrade() -> None:
    """Nothing: `sql/schema` makes the procedure that this code calls."""


def downgrade() -> None:
    """Drop it; chunks in columns stay as they are."""
    run_script("0036_sparse_chunks.down.sql")
