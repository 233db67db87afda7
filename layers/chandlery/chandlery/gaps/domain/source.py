"""What stands for a source whose cadence an operator sets."""

import re

# What an instrument's key cannot have inside a part of it.
_OTHER = re.compile(r"[@%\s]")


def key_of(dataset: str, dimension: str, source: str, instrument: str | None = None) -> str:
    """The key of the instrument that stands for a source, of one instrument's rows or of any: SENTIMENT@news@SOURCE."""
    of_one = f"-{instrument.replace('@', '.')}" if instrument else ""
    return f"{dataset.upper()}@{_OTHER.sub('_', source)}{of_one}@{dimension.upper()}"


def feed_of(dataset: str, source: str) -> str:
    """The feed that falls silent with a source: sentiment/news."""
    return f"{dataset}/{source}"
