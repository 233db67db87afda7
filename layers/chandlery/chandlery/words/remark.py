"""What is said to people, with what to do about it at the command line."""

from typing import Self


class Remark(str):
    """A sentence that ends with a remedy, in the words of the command line.

    Attributes:
        says: without the remedy: callers of the HTTP API have no command line.
    """

    __slots__ = ("says",)
    says: str

    def __new__(cls, says: str, remedy: str = "") -> Self:
        """What is the matter, and how the sentence goes on."""
        whole = super().__new__(cls, says + remedy)
        whole.says = says
        return whole

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """For copies: as it was made."""
        return type(self), (self.says, self.removeprefix(self.says))


def without_remedy(text: str) -> str:
    """A sentence as others than the command line say it."""
    return text.says if isinstance(text, Remark) else text
