"""Layouts of crypto exchanges, and of those who collect from them."""

from local.market_file.asked import Unit
from local.market_file.clocks import Clock, Form
from local.market_file.layouts.layout import Cell, Holds, Layout, Shape

_BINANCE = "https://github.com/binance/binance-public-data"
_KRAKEN = "https://support.kraken.com/articles/360047124832"
_BUYER = {"is_buyer_maker": Cell.FLAG}
_PRICES = ("open", "high", "low", "close")

LAYOUTS = (
    Layout(
        "binance-trades",
        Holds.TICKS,
        _BINANCE,
        {"time": "time", "seq": "id", "price": "price", "size": "qty"},
        known_by=("quote_qty", "is_buyer_maker"),
        shape=Shape(
            {"id": Cell.WHOLE, "price": Cell.NUMBER, "qty": Cell.NUMBER, "quote_qty": Cell.NUMBER, "time": Cell.EPOCH}
            | _BUYER
            | {"is_best_match": Cell.FLAG},
            least=6,
        ),
        numbered=("id",),
    ),
    Layout(
        "binance-aggtrades",
        Holds.TICKS,
        _BINANCE,
        {"time": "transact_time", "seq": "agg_trade_id", "price": "price", "size": "quantity"},
        known_by=("first_trade_id", "last_trade_id"),
        shape=Shape(
            {
                "agg_trade_id": Cell.WHOLE,
                "price": Cell.NUMBER,
                "quantity": Cell.NUMBER,
                "first_trade_id": Cell.WHOLE,
                "last_trade_id": Cell.WHOLE,
                "transact_time": Cell.EPOCH,
            }
            | _BUYER
            | {"is_best_match": Cell.FLAG},
            least=7,
        ),
        numbered=("agg_trade_id", "first_trade_id", "last_trade_id"),
        numbers="aggregate id",
    ),
    Layout(
        "binance-klines",
        Holds.CANDLES,
        _BINANCE,
        {"time": "open_time"}
        | {name: name for name in (*_PRICES, "volume")}
        | {"trades": "count", "turnover": "quote_volume"},
        known_by=("close_time",),
        shape=Shape(
            {"open_time": Cell.EPOCH}
            | dict.fromkeys((*_PRICES, "volume"), Cell.NUMBER)
            | {"close_time": Cell.EPOCH, "quote_volume": Cell.NUMBER, "count": Cell.WHOLE}
            | dict.fromkeys(("taker_buy_volume", "taker_buy_quote_volume"), Cell.NUMBER)
            | {"ignore": Cell.NUMBER},
            least=12,
        ),
        ends="close_time",
    ),
    Layout(
        "kraken-trades",
        Holds.TICKS,
        "https://support.kraken.com/articles/360047543791",
        {"time": "timestamp", "price": "price", "size": "volume"},
        has_header=False,
        shape=Shape({"timestamp": Cell.SECONDS, "price": Cell.NUMBER, "volume": Cell.NUMBER}, least=3),
    ),
    Layout(
        "kraken-candles",
        Holds.CANDLES,
        _KRAKEN,
        {"time": "timestamp"} | {name: name for name in (*_PRICES, "volume", "trades")},
        has_header=False,
        shape=Shape(
            {"timestamp": Cell.SECONDS} | dict.fromkeys((*_PRICES, "volume"), Cell.NUMBER) | {"trades": Cell.WHOLE},
            least=7,
        ),
    ),
    Layout(
        "bybit-trades",
        Holds.TICKS,
        "https://public.bybit.com/trading/",
        {"time": "timestamp", "price": "price", "size": "size"},
        known_by=("symbol", "side", "tickDirection", "trdMatchID"),
        clock=Clock(Form.NUMBER, Unit.S, is_judged=True),
        tickers=("symbol",),
    ),
    Layout(
        "bybit-spot-trades",
        Holds.TICKS,
        "https://public.bybit.com/spot/",
        {"time": "timestamp", "price": "price", "size": "volume"},
        known_by=("id", "side"),
    ),
    Layout(
        "bitmex-trades",
        Holds.TICKS,
        "https://public.bitmex.com/?prefix=data/trade/",
        {"time": "timestamp", "price": "price", "size": "size"},
        known_by=("symbol", "side", "tickDirection", "trdMatchID"),
        clock=Clock(zone="UTC"),
        tickers=("symbol",),
    ),
    Layout(
        "tardis-trades",
        Holds.TICKS,
        "https://docs.tardis.dev/downloadable-csv-files/data-types",
        {"time": "timestamp", "price": "price", "size": "amount", "venue": "exchange"},
        known_by=("local_timestamp", "id", "side"),
        tickers=("symbol",),
    ),
    Layout(
        "kaiko-trades",
        Holds.TICKS,
        "https://docs.kaiko.com/kaiko-csv-data",
        {"time": "date", "price": "price", "size": "amount", "venue": "exchange"},
        known_by=("id", "sell"),
        tickers=("symbol",),
    ),
)
