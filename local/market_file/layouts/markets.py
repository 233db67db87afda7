"""Layouts of vendors of shares, futures and currencies."""

from local.market_file.clocks import Clock, Form
from local.market_file.layouts.layout import Cell, Holds, Layout, Shape

_PRICES = ("open", "high", "low", "close")
_SAME = {name: name for name in (*_PRICES, "volume")}
_DATABENTO = "https://databento.com/docs/schemas-and-data-formats"
_POLYGON = "https://massive.com/docs/flat-files/stocks"
_HISTDATA = "https://www.histdata.com/f-a-q/data-files-detailed-specification/"
# The year round, without daylight saving time.
_EASTERN_STANDARD = "Etc/GMT+5"

LAYOUTS = (
    Layout(
        "databento-trades",
        Holds.TICKS,
        f"{_DATABENTO}/trades",
        {"time": "ts_event", "seq": "sequence", "price": "price", "size": "size"},
        known_by=("rtype", "publisher_id", "action"),
        raw_power=-9,
        undefined=True,
        only={"action": (("T",), "no trade, by its column action")},
        tickers=("symbol", "instrument_id"),
    ),
    Layout(
        "databento-candles",
        Holds.CANDLES,
        f"{_DATABENTO}/ohlcv",
        {"time": "ts_event"} | _SAME,
        known_by=("rtype", "publisher_id"),
        raw_power=-9,
        undefined=True,
        only={"rtype": (("33",), "only candles of one minute can be imported (schema ohlcv-1m, rtype 33)")},
        refuses_others=True,
        tickers=("symbol", "instrument_id"),
    ),
    Layout(
        "polygon-trades",
        Holds.TICKS,
        f"{_POLYGON}/trades",
        {
            "time": "participant_timestamp",
            "seq": "sequence_number",
            "price": "price",
            "size": "size",
            "venue": "exchange",
            "conditions": "conditions",
        },
        known_by=("ticker", "sip_timestamp"),
        tickers=("ticker",),
        remark="conditions are kept, but neither they nor corrections decide what counts: every trade does",
    ),
    Layout(
        "polygon-candles",
        Holds.CANDLES,
        f"{_POLYGON}/minute-aggregates",
        {"time": "window_start"} | _SAME | {"trades": "transactions"},
        known_by=("ticker",),
        tickers=("ticker",),
    ),
    Layout(
        "polygon-quotes",
        Holds.QUOTES,
        f"{_POLYGON}/quotes",
        {"time": "sip_timestamp"},
        known_by=("ask_price", "bid_price"),
    ),
    Layout(
        "alpaca-trades",
        Holds.TICKS,
        "https://docs.alpaca.markets/reference/stocktrades-1",
        {
            "time": "timestamp",
            "price": "price",
            "size": "size",
            "venue": "exchange",
            "conditions": "conditions",
        },
        known_by=("id", "tape"),
        tickers=("symbol",),
    ),
    Layout(
        "alpaca-candles",
        Holds.CANDLES,
        "https://docs.alpaca.markets/reference/stockbars",
        {"time": "timestamp"} | _SAME | {"trades": "trade_count", "vwap": "vwap"},
        tickers=("symbol",),
    ),
    Layout(
        "yahoo-candles",
        Holds.CANDLES,
        "https://ranaroussi.github.io/yfinance/",
        {"time": "Datetime"} | {name: name for name in (*_PRICES, "volume")},
        stacked=(("Price",), ("Ticker",), ("Datetime", "Date")),
    ),
    Layout(
        "dukascopy-candles",
        Holds.CANDLES,
        "https://www.dukascopy.com/swiss/english/marketwatch/historical/",
        {"time": "Gmt time"} | _SAME,
        clock=Clock(Form.DAY_FIRST, zone="UTC"),
        powers={"volume": 6},
        fills_closed_hours=True,
        remark="volumes are in millions there, and were multiplied by 1,000,000",
    ),
    Layout(
        "dukascopy-quotes",
        Holds.QUOTES,
        "https://www.dukascopy.com/swiss/english/marketwatch/historical/",
        {"time": "Gmt time"},
        known_by=("Ask", "Bid"),
    ),
    Layout(
        "histdata-candles",
        Holds.CANDLES,
        _HISTDATA,
        {"time": "time"} | _SAME,
        has_header=False,
        shape=Shape({"time": Cell.COMPACT} | dict.fromkeys((*_PRICES, "volume"), Cell.NUMBER), least=6),
        clock=Clock(Form.COMPACT, zone=_EASTERN_STANDARD),
        remark="times are Eastern Standard Time all year there; volumes are 0 throughout",
    ),
    Layout(
        "histdata-quotes",
        Holds.QUOTES,
        _HISTDATA,
        {"time": "time"},
        has_header=False,
        shape=Shape({"time": Cell.COMPACT_MS} | dict.fromkeys(("bid", "ask", "volume"), Cell.NUMBER), least=4),
    ),
    Layout(
        "metatrader-candles",
        Holds.CANDLES,
        "https://www.metatrader5.com/en/terminal/help/trading_advanced/custom_instruments",
        {"time": "<DATE>+<TIME>"} | {name: f"<{name.upper()}>" for name in _PRICES} | {"volume": "<TICKVOL>"},
        known_by=("<VOL>", "<SPREAD>"),
    ),
    Layout(
        "stooq-candles",
        Holds.CANDLES,
        "https://stooq.com/db/h/",
        {"time": "<DATE>+<TIME>"} | {name: f"<{name.upper()}>" for name in _PRICES} | {"volume": "<VOL>"},
        known_by=("<PER>", "<OPENINT>"),
        only={"<PER>": (("1",), "only candles of one minute can be imported")},
        refuses_others=True,
        tickers=("<TICKER>",),
    ),
)
