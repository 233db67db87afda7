"""The library that the page of the HTTP API draws with: fetched by npm, copied to where the page is served from."""

from local.page.installation import install, missing

__all__ = ["install", "missing"]
