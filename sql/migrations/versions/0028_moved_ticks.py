"""A tick that is moved onto another one's key is refused, in columns as well."""

from chandlery.store.migrations import run_script

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
serves_code_from = "0027"


def upgrade() -> None:
    """Replace the trigger's function; no row is touched."""
    run_script("0028_moved_ticks.up.sql")


def downgrade() -> None:
    """Put the former one back."""
    run_script("0028_moved_ticks.down.sql")
