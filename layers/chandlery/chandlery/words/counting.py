"""How many of something there are, in words."""


def spell(count: int, one: str, several: str = "") -> str:
    """A count with its noun: 1 gap, 2,000 gaps; `several` where an s at the end of `one` does not make the plural."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
