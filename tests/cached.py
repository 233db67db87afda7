"""What a cache has of an answer of some data."""

from chandlery.reading.cache import Cache, Shared

CACHE_KEY = "the sandboxes' own key"


def shared(url: str) -> Shared:
    """A Redis that holders of the tests' key share."""
    return Shared(url, CACHE_KEY.encode())


def found(cache: Cache, key: str, fingerprint: str) -> bytes | None:
    """The answer under a key, where it was put with this fingerprint."""
    kept = cache.get(key, fingerprint.__eq__)
    return kept.value if kept else None
