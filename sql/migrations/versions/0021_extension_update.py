"""Views that no longer keep TimescaleDB from being updated in place."""

from chandlery.store.migrations import run_script

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None
serves_code_from = "0021"


def upgrade() -> None:
    """Replace."""
    run_script("0021_extension_update.up.sql")


def downgrade() -> None:
    """Replace by what was before; nothing is lost."""
    run_script("0021_extension_update.down.sql")
