"""Roles of the database: who owns, who writes, who reads."""

from chandlery.store.migrations import run_script

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the roles where they are not there yet, and give them their rights."""
    run_script("0015_roles.up.sql")


def downgrade() -> None:
    """Take the rights back; the roles stay, for other databases of the server may use them."""
    run_script("0015_roles.down.sql")
