"""Functions that have their owner's rights are his alone; an index of symbols; a calendar FX of one's own stays."""

from chandlery.store.migrations import run_script

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None
serves_code_from = "0027"


def upgrade() -> None:
    """Take the right away; build the index; mark the calendar's days as imported."""
    run_script("0029_owners_rights.up.sql")


def downgrade() -> None:
    """Give the right back and drop the index; which days were imported stays."""
    run_script("0029_owners_rights.down.sql")
