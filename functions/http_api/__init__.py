"""Whenever a program of the desk asks: candles, indicators on demand, gaps, health."""

from . import candles, compute, completeness, health, instruments
from .application import answer as handler
from .application import app, document

for routes in (health, candles, compute, instruments, completeness):
    app.include_router(routes.router)
document()

__all__ = ["handler"]
