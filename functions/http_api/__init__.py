"""Whenever a program of the desk asks: candles, indicators on demand, rows of data sets, gaps, health."""

from typing import Any

from chandlery.platform.component import LambdaContext

from .application import answer, app, document
from .candles import router as candles
from .candles import warm_up
from .candles_of_many import router as candles_of_many
from .changes import router as changes
from .completeness import router as completeness
from .compute import router as compute
from .data import router as data
from .health import router as health
from .instruments import router as instruments
from .latest_indicators import router as latest_indicators
from .minutes import router as minutes
from .options import router as options
from .page_files import is_of_page
from .page_files import router as page
from .signals import router as signals
from .statistics import router as statistics
from .stored_indicators import router as stored_indicators
from .summaries import router as summaries

for router in (
    health, candles, candles_of_many, compute, latest_indicators, stored_indicators, instruments, statistics,
    completeness, minutes, changes, data, options, summaries, signals, page,
):  # fmt: skip
    app.include_router(router)
document()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request: API Gateway's event, payload format 2.0, in; its response out."""
    path = event.get("rawPath", "")
    # Whoever asks for health or the page waits for nothing else.
    waits = path not in ("/health", "/api/v1/health") and not is_of_page(path)
    return answer(event, context, warm_up if waits else None)
