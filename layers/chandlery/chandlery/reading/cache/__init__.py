"""A cache of answers in two levels, each answer checked by a fingerprint of the data it came from."""

from chandlery.reading.cache.levels import Cache, CacheStatistics
from chandlery.reading.cache.memory import Kept
from chandlery.reading.cache.remote import Shared

__all__ = ["Cache", "CacheStatistics", "Kept", "Shared"]
