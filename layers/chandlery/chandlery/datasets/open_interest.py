"""Open interest of option contracts, as it is published: once a day, or as often as a venue tells it."""

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.words.window import DAY

OPEN_INTEREST = Dataset(
    "open_interest",
    columns={
        "instrument_id": Kind.INTEGER,
        "time": Kind.TIME,
        "open_interest": Kind.DECIMAL,
        "source": Kind.TEXT,
        "received_at": Kind.TIME,
    },
    written=DAY,
    is_imported=True,
    is_sent=True,
    is_of_contracts=True,
    unsigned=("open_interest",),
    noted=("received_at",),
)
