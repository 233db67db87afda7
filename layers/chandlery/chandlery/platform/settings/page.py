"""How the HTTP API's page signs in."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from chandlery.platform.settings.environment import Environment

_PAGE: JsonDict = {"read_by": ["http_api"]}


class PageSettings(Environment):
    """What the page is given besides its own files: nothing of it is secret."""

    page_sign_in: Literal["none", "token", "signature"] = Field(
        "none",
        description="how callers of the HTTP API show who they are; with `token`, the page asks `PAGE_ISSUER` for one;"
        " with `signature` (IAM), it says that a browser cannot call",
        json_schema_extra=_PAGE,
    )
    page_issuer: str = Field("", description="OpenID Connect issuer of the page's tokens", json_schema_extra=_PAGE)
    page_client_id: str = Field(
        "", description="public client of that issuer (code with PKCE) that the page is", json_schema_extra=_PAGE
    )
    page_scope: str = Field("openid", description="scopes the page asks for, with blanks", json_schema_extra=_PAGE)
    page_token_origins: str = Field(
        "",
        description="origins of the issuer's token endpoint, with blanks, where they are not the issuer's own",
        json_schema_extra=_PAGE,
    )

    @field_validator("page_issuer", "page_token_origins")
    @classmethod
    def _is_safe(cls, given: str) -> str:
        # They become a part of a header.
        for each in given.split():
            if not each.startswith(("https://", "http://127.0.0.1:")) or any(sign in each for sign in ";,'\""):
                raise ValueError("write https://issuer.example")
        return given

    @model_validator(mode="after")
    def _has_a_client(self) -> Self:
        if self.page_client_id and not self.page_issuer:
            raise ValueError("PAGE_CLIENT_ID needs PAGE_ISSUER")
        return self
