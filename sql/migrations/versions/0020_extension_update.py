"""Views that no longer keep TimescaleDB from being updated in place."""

from chandlery.store.migrations import run_script

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
serves_code_from = "0020"


def upgrade() -> None:
    """Replace."""
    run_script("0020_extension_update.up.sql")


def downgrade() -> None:
    """Replace by what was before; nothing is lost."""
    run_script("0020_extension_update.down.sql")
