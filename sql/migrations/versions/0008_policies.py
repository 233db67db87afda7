"""What keeps the database's policies, and tells how well."""

from chandlery.store.migrations import run_script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0008_policies.up.sql")


def downgrade() -> None:
    """Drop, with all rows."""
    run_script("0008_policies.down.sql")
