"""The fingerprint of an instrument's candles, its plan kept."""

from chandlery.store.migrations import run_script

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create."""
    run_script("0014_fingerprint.up.sql")


def downgrade() -> None:
    """Drop."""
    run_script("0014_fingerprint.down.sql")
