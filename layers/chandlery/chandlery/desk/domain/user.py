"""Who uses the desk."""

from dataclasses import dataclass

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
        if not self.user_id or "\0" in self.user_id or len(self.user_id) > MOST_CHARACTERS:
            raise ValueError("a user needs a name")
