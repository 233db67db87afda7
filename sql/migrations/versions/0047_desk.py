"""Users, watchlists and alerts; names, types and sectors of instruments."""

from chandlery.platform.migrations import run_script

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Create the roles, the tables, their policies and triggers."""
    run_script("0047_desk.up.sql")


def downgrade() -> None:
    """Drop all but the roles."""
    run_script("0047_desk.down.sql")
