"""Rebuilding aggregates beside those in use."""

from chandlery.store.migrations import run_script

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0010_rebuild.up.sql")


def downgrade() -> None:
    """Drop, with what is being built and what was kept from before."""
    run_script("0010_rebuild.down.sql")
