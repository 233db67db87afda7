"""What retention drops is recorded, and it drops nothing that the operator has not released."""

from chandlery.store.migrations import run_script

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None
serves_code_from = "0019"


def upgrade() -> None:
    """Create."""
    run_script("0019_drops.up.sql")


def downgrade() -> None:
    """Drop; retention then drops by the clock alone, as before."""
    run_script("0019_drops.down.sql")
