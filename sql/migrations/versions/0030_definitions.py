"""Functions and views are those of sql/schema."""

from chandlery.store.migrations import restore_definitions, run_script

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
serves_code_from = "0027"


def upgrade() -> None:
    """Nothing: from here on migrations make tables and data, `sql/schema` makes functions and views after the last."""


def downgrade() -> None:
    """Put back the functions and views that the migrations before made."""
    restore_definitions()
    run_script("0030_definitions.down.sql")
