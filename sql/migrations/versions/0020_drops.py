"""What retention drops is recorded, and it drops nothing that the operator has not released."""

from chandlery.store.migrations import run_script

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None
serves_code_from = "0020"


def upgrade() -> None:
    """Create."""
    run_script("0020_drops.up.sql")


def downgrade() -> None:
    """Drop; retention then drops by the clock alone, as before."""
    run_script("0020_drops.down.sql")
