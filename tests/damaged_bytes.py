"""Damaged copies of whatever is read."""

from collections.abc import Iterator
from random import Random

# For all files together, and for archives, events and requests each.
TIMES = 1_000
# Nobody listens there.
NOWHERE = "postgresql://desk:s3cret-word@127.0.0.1:1/desk"


def damaged(whole: bytes, times: int = TIMES, seed: int = 7) -> Iterator[bytes]:
    """Copies with a few bytes changed, taken out or doubled, or the end cut off; each differs from the whole."""
    dice = Random(seed)
    made = 0
    while made < times:
        content = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(content))
            match dice.randrange(4):
                case 0:
                    content[at] ^= dice.randrange(1, 256)
                case 1:
                    del content[at : at + dice.randint(1, 8)]
                case 2:
                    content[at:at] = content[at : at + dice.randint(1, 8)]
                case _:
                    content = content[: max(at, 1)]
            if not content:
                break
        if content and content != whole:
            made += 1
            yield bytes(content)
