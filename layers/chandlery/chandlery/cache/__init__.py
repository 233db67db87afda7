"""A cache of answers in two levels, each answer checked by a fingerprint of the data it came from."""

from chandlery.cache.levels import Cache, CacheStatistics
from chandlery.cache.memory import Kept
from chandlery.cache.remote import Shared

__all__ = ["Cache", "CacheStatistics", "Kept", "Shared"]
