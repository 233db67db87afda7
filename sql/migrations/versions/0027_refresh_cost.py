"""Refreshes over several chunks in one fold, rebuilds around kept history, one formula of an aggregate's lag."""

from chandlery.store.migrations import run_script

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
serves_code_from = "0027"


def upgrade() -> None:
    """Replace the functions, and the mark of what a rebuild has copied."""
    run_script("0027_refresh_cost.up.sql")


def downgrade() -> None:
    """Put the former ones back."""
    run_script("0027_refresh_cost.down.sql")
