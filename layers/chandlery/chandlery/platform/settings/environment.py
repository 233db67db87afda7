"""A model whose fields are environment variables."""

import os
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Environment(BaseModel):
    """Fields that are environment variables of the same name, in capitals; a value given by name goes before.

    An empty variable is one that is not set: a template passes a parameter without a value that way.
    """

    # Settings is built at import, and not each part of it as well.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        found = {name: text for name in cls.model_fields if (text := os.environ.get(name.upper()))}
        return found | given
