"""What gap monitors have judged, instrument by instrument."""

from chandlery.store.migrations import run_script

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
serves_code_from = "0017"


def upgrade() -> None:
    """Create; nothing is judged until the next scan."""
    run_script("0017_judged.up.sql")


def downgrade() -> None:
    """Drop; what is judged is told by one stretch for all instruments again."""
    run_script("0017_judged.down.sql")
