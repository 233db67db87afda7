"""Whenever a program of the desk asks: candles, indicators on demand, gaps, health."""

from .application import answer as handler
from .application import app, document
from .candles import router as candles
from .completeness import router as completeness
from .compute import router as compute
from .health import router as health
from .instruments import router as instruments

for router in (health, candles, compute, instruments, completeness):
    app.include_router(router)
document()

__all__ = ["handler"]
