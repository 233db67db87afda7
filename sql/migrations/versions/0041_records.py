"""What the login that writes rows of records may read."""

from chandlery.platform.migrations import run_script

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None
serves_code_from = "0040"


def upgrade() -> None:
    """Give the rights."""
    run_script("0041_records.up.sql")


def downgrade() -> None:
    """Take them back."""
    run_script("0041_records.down.sql")
