"""How the verdict of health is answered, wherever it is."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from chandlery.health.domain.health import Cause
from chandlery.words.remark import without_remedy

VERDICT = "HEALTHY, WARNING, DELAYED or FAILING: the worst of its causes"
CAUSES = "what is not as it should be, the worst first"


class CauseAnswer(BaseModel):
    """Why the verdict is not better."""

    health: Literal["HEALTHY", "WARNING", "DELAYED", "FAILING"]
    subject: str = Field(description="what is meant: a feed, a component, an aggregate, gaps …")
    says: str = Field(description="what is the matter with it, in plain words")

    @classmethod
    def of(cls, cause: Cause) -> Self:
        """A cause, without the words of the command line."""
        return cls(health=cause.health.value, subject=cause.subject, says=without_remedy(cause.says))
