"""Moods."""

from pathlib import Path

from chandlery.platform.migrations import run_script
from chandlery.platform.schema import REVISION

revision = "9999"
down_revision = REVISION
branch_labels = None
depends_on = None
serves_code_from = REVISION

_HERE = Path(__file__)


def upgrade() -> None:
    """Create."""
    run_script(str(_HERE.with_suffix(".up.sql")))


def downgrade() -> None:
    """Take back."""
    run_script(str(_HERE.with_suffix(".down.sql")))
