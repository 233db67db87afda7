"""Enumerations that later servers may extend."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """An enumeration; a member it does not know yet is itself, by the name UNKNOWN."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_, member._value_ = "UNKNOWN", value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this version of the client knows the member."""
        return self._name_ != "UNKNOWN"
