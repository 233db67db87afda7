"""A message for others, and what became of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """What others are to know.

    Attributes:
        topic: what it is about, which says where it goes.
        key: by which who receives it twice knows it again.
        group_key: messages of one group are delivered in the order in which they were written.
        body: what it says.
    """

    topic: str
    key: str
    group_key: str
    body: Mapping[str, Any]

    def as_text(self) -> str:
        """What it says, and its key, as JSON."""
        return json.dumps({**self.body, "key": self.key}, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Failure:
    """Why a message was not taken, by its place among those given; `is_final` where it never will be."""

    place: int
    reason: str
    is_final: bool = False


# Delivers messages, in their order; returns those that were not taken.
Publish = Callable[[Sequence[Message]], Sequence[Failure]]
