"""Chandlery's HTTP API for Python: candles, indicators, options, signals, batch writers; exact to the last digit."""

from ._async.client import AsyncClient
from ._async.pages import AsyncPages
from ._async.watch import AsyncWatch
from ._async.writer import AsyncWriter
from ._sync.client import Client
from ._sync.pages import Pages
from ._sync.watch import Watch
from ._sync.writer import Writer
from .aws import aws_auth
from .core.batching import Sent
from .core.paging import Page
from .core.retrying import Patience
from .errors import (
    BadAnswer,
    BadArgument,
    BadRequest,
    ClientError,
    ConnectionFailed,
    CursorRepeated,
    DeadlineExceeded,
    FieldProblem,
    Forbidden,
    FrameError,
    MissingExtra,
    NaiveTime,
    NotFound,
    Problem,
    Refused,
    RefusedRow,
    RowsRefused,
    RowsUnsent,
    ServerFailed,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from .rows.buckets import FlowsBucket, SentimentBucket
from .rows.candles import Candle, Computed, Indicator, IndicatorSeries, InstrumentCandle, LatestValue, StoredValue
from .rows.changes import ChangedData, Changes
from .rows.completeness import Day, Gap, GapReason
from .rows.instruments import Instrument, Latest, PriceChange, Statistics
from .rows.options import ChainStrike, Expiry, Point, StrikeCandle
from .rows.sent import FlowLeg, OpenInterest, OptionQuote, SentimentItem, Tick
from .rows.signals import EndedBy, Signal, SignalType
from .rows.status import Cause, Health, Status, Verdict

__all__ = [
    "AsyncClient",
    "AsyncPages",
    "AsyncWatch",
    "AsyncWriter",
    "BadAnswer",
    "BadArgument",
    "BadRequest",
    "Candle",
    "Cause",
    "ChainStrike",
    "ChangedData",
    "Changes",
    "Client",
    "ClientError",
    "Computed",
    "ConnectionFailed",
    "CursorRepeated",
    "Day",
    "DeadlineExceeded",
    "EndedBy",
    "Expiry",
    "FieldProblem",
    "FlowLeg",
    "FlowsBucket",
    "Forbidden",
    "FrameError",
    "Gap",
    "GapReason",
    "Health",
    "Indicator",
    "IndicatorSeries",
    "Instrument",
    "InstrumentCandle",
    "Latest",
    "LatestValue",
    "MissingExtra",
    "NaiveTime",
    "NotFound",
    "OpenInterest",
    "OptionQuote",
    "Page",
    "Pages",
    "Patience",
    "Point",
    "PriceChange",
    "Problem",
    "Refused",
    "RefusedRow",
    "RowsRefused",
    "RowsUnsent",
    "Sent",
    "SentimentBucket",
    "SentimentItem",
    "ServerFailed",
    "Signal",
    "SignalType",
    "Statistics",
    "Status",
    "StoredValue",
    "StrikeCandle",
    "Tick",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Verdict",
    "Watch",
    "Writer",
    "aws_auth",
]
