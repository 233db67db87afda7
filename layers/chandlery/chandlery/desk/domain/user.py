"""Who uses the desk."""

from dataclasses import dataclass
from typing import TypeGuard

# Longer than any ARN.
MOST_CHARACTERS = 2048


@dataclass(frozen=True)
class Caller:
    """Who asks, as whoever let him in says: the sub of a token, an ARN, or a name on one's own machine."""

    user_id: str
    username: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is nobody."""
        if not is_sayable(self.user_id):
            raise ValueError("a user needs a name")


def is_sayable(value: object) -> TypeGuard[str]:
    """Whether it is a text that the database can keep: neither blank nor long, without NUL or half a surrogate pair."""
    if not isinstance(value, str) or len(value) > MOST_CHARACTERS or not value.strip():
        return False
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
