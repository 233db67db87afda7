"""One refresh of an aggregate at a time, whoever starts it."""

from chandlery.store.migrations import run_script

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None
serves_code_from = "0021"


def upgrade() -> None:
    """Create."""
    run_script("0021_refreshes.up.sql")


def downgrade() -> None:
    """Drop, our refresh jobs first; TimescaleDB's own come back with the next run of policy maintenance."""
    run_script("0021_refreshes.down.sql")
