"""Batches of ticks carry no Bloom filter from now on: it took a quarter of their bytes."""

from chandlery.store.migrations import run_script

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None
serves_code_from = "0032"


def upgrade() -> None:
    """Say so of chunks that become columns from now on, where ticks have a columnstore already."""
    run_script("0034_no_bloom.up.sql")


def downgrade() -> None:
    """Leave that to TimescaleDB again."""
    run_script("0034_no_bloom.down.sql")
