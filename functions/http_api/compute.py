"""POST /api/v1/compute: indicators over an instrument's candles, computed when asked for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field

from chandlery.platform.asked import check_order
from chandlery.platform.errors import Refused
from chandlery.reading.reach import newest_end
from chandlery.reference.store.instrument_pages import InstrumentEntry
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe

from .answering import Answered, Cached, Made, Question, answer, respond, write_json, written
from .application import asked_at
from .asking import AlignName, Key, Moment, SessionName, TimeframeName, check_most, hours_of, made_of, moment_of
from .numbers import DESCRIPTION, Form, Real, quoted
from .problems import documented
from .sandbox import SANDBOX

if TYPE_CHECKING:
    from chandlery.indicators.numerics.prepared import Prepared
    from chandlery.reading.compute_series import ComputedSeries, SeriesQuery

router = Router()


class IndicatorRequest(BaseModel):
    """An indicator, and the parameters that shall not be as by default; GET /api/v1/indicators lists all."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=50, examples=["rsi"])
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=30, examples=[{"timeperiod": 14}])


class ComputeRequest(BaseModel):
    """What is to be computed: over the buckets that start in [from, to), or the newest `limit` before `to`."""

    model_config = ConfigDict(extra="forbid")

    instrument_key: Key
    timeframe: TimeframeName = Timeframe.M5
    starts: Moment | None = Field(None, alias="from")
    ends: Moment | None = Field(None, alias="to", description="ISO 8601 with an offset; now where absent")
    session: SessionName = "all"
    align: AlignName = "clock"
    limit: int | None = Field(
        None, ge=1, description="candles, at most: the newest; 500 where neither it nor `from` is given"
    )
    numbers: Form = Field("number", description=DESCRIPTION)
    # Powertools words each request for a log that nobody reads, which takes as long as the validation.
    indicators: list[IndicatorRequest] = Field(min_length=1, max_length=1000, repr=False)


class IndicatorSeries(BaseModel):
    """An indicator's values, aligned with `time`."""

    name: str
    parameters: dict[str, Any] = Field(description="all of them; an anchor as the instant that was taken, UTC")
    begins: datetime | None = Field(description="the candle its sums begin with; null where it has no such beginning")
    outputs: dict[str, list[Real | None]] = Field(description="null where there is no value (yet)")


class LastCandle(BaseModel):
    """The state of the newest candle."""

    time: datetime
    closed: bool = Field(description="whether its bucket had ended")
    partial: bool = Field(description="whether it is open, or its feed was silent during a minute of it")


class Used(BaseModel):
    """What the answer took."""

    rows_read: int = Field(description="candles read, warm-up included, when it was computed")
    cache: str = Field(
        description="hit, miss, or bypass: its data has changed and is not refreshed yet, so the database was read"
    )


class Computed(BaseModel):
    """Series of one length: candles' times, and each indicator's values."""

    instrument_key: str
    timeframe: str
    time: list[datetime] = Field(description="starts of the buckets, the oldest first")
    last: LastCandle | None = Field(description="null where there is no candle")
    indicators: list[IndicatorSeries]
    used: Used


@router.post(
    "/api/v1/compute",
    summary="Compute indicators over an instrument's candles",
    description=(
        "TA-Lib's functions by name, and our own. A value does not depend on `from`: what an indicator needs before"
        " it is read as well, and a smoothing is warmed up until where it began no longer shows. What sums from the"
        " beginning (obv, ad) begins with the first candle read, and says which. A time in `parameters` without an"
        " offset is the exchange's."
    ),
    responses={
        200: {"description": "The series", "content": {"application/json": {"model": Computed}}},
        **documented(400, 404, 406, 413, 415, 422, 500, 503),
    },
    tags=["indicators"],
)
def post_compute(request: Annotated[ComputeRequest, Body()]) -> Response[str]:
    """Answer the series."""
    at = asked_at()
    settings = SANDBOX.settings
    if len(request.indicators) > settings.api_most_indicators:
        raise Refused(
            "indicators", f"{spell(len(request.indicators), 'indicator')}; {settings.api_most_indicators} are the most"
        )
    check_most(request.limit, settings.api_most_candles)
    answered = SANDBOX.read(lambda connection: _answer(connection, request, at))
    # The tag is for answers to GET.
    return respond(replace(answered, tag=None))


def _answer(connection: Connection, request: ComputeRequest, at: datetime) -> Answered:
    # Imported here: numpy and TA-Lib are a third of a second that the other routes need not pay.
    from chandlery.reading.compute_series import compute_series

    def make(instrument: InstrumentEntry, query: "SeriesQuery") -> Made:
        computed = compute_series(connection, instrument, query, at)
        return Made(_writer(instrument, query, computed, request.numbers), computed.window)

    def ask(instrument: InstrumentEntry) -> Question:
        query = _query(instrument, request, at)
        words = [
            query.starts, query.ends, query.most,
            [[each.info.name, dict(each.parameters)] for each in query.indicators],
            moment_of(query.timeframe, query.hours, request.ends, at), query.timeframe, query.hours, request.numbers,
        ]  # fmt: skip
        hangs_on = made_of(query.timeframe, query.hours)
        return Question(instrument, hangs_on, words, at, partial(make, instrument, query))

    return answer(connection, request.instrument_key, ask)


def _query(instrument: InstrumentEntry, request: ComputeRequest, at: datetime) -> "SeriesQuery":
    from chandlery.indicators.numerics.catalogue import ParameterError, prepare
    from chandlery.reading.compute_series import SeriesQuery, most_candles

    check_order(request.starts, request.ends, at)
    starts, ends = request.starts, request.ends or newest_end(request.timeframe, at)
    zone = ZoneInfo(instrument.time_zone)
    prepared = []
    for place, each in enumerate(request.indicators):
        try:
            prepared.append(prepare(each.name, each.parameters, zone))
        except ParameterError as error:
            where = f"indicators.{place}." + (f"parameters.{error.parameter}" if error.parameter else "name")
            raise Refused(where, str(error)) from None
    settings = SANDBOX.settings
    outputs = sum(len(each.info.outputs) for each in prepared)
    most = min(settings.api_most_candles, settings.api_most_values // outputs)
    hours = hours_of(request.session, request.align)
    default = 500 if starts is None else most
    if hours.are_folded(request.timeframe):
        # Half of what may be read is left to what indicators need before.
        most_folded = most_candles(request.timeframe, hours, settings.api_most_rows) // 2
        if request.limit is not None and request.limit > most_folded:
            raise Refused(
                "limit",
                f"{request.timeframe} of regular hours is folded from minutes, of which {settings.api_most_rows:,} are"
                f" read at most: give a number up to {most_folded:,}",
            )
        default = min(default, most_folded)
    limit = request.limit or default
    if limit > most:
        raise Refused(
            "limit",
            f"{spell(limit, 'candle')} of {spell(outputs, 'value')} each; {settings.api_most_values:,} are the most",
        )
    return SeriesQuery(
        timeframe=request.timeframe,
        starts=starts,
        ends=ends,
        most=limit,
        # Where only a stretch was named, all of it or none.
        whole=request.limit is None and starts is not None,
        most_rows=settings.api_most_rows,
        indicators=tuple(prepared),
        hours=hours,
    )


def _writer(
    instrument: InstrumentEntry, query: "SeriesQuery", computed: "ComputedSeries", numbers: Form
) -> Callable[[Cached], bytes]:
    """What writes the answer; the series, which are nearly all of it, once, however it was come by."""
    times = computed.times.astype("datetime64[s]")
    indicators = [_series(computed, *each, numbers) for each in zip(query.indicators, computed.outputs, strict=True)]
    # As declared already: to hold thousands of values against it once more would take longer than to write them.
    told = partial(
        Computed.model_construct,
        instrument_key=instrument.key,
        timeframe=query.timeframe,
        time=written(write_json(times)),
        last=_last(computed) if len(times) else None,
        indicators=written(write_json(indicators)),
    )
    return lambda cached: write_json(told(used=Used(rows_read=computed.rows_read, cache=cached)))


def _last(computed: "ComputedSeries") -> LastCandle:
    time = datetime.fromtimestamp(int(computed.times[-1]), UTC)
    return LastCandle(time=time, closed=computed.last_closed, partial=computed.last_partial)


def _series(
    computed: "ComputedSeries", indicator: "Prepared", outputs: Sequence[Any], numbers: Form
) -> IndicatorSeries:
    if numbers == "text":
        outputs = [written(quoted(write_json(each))) for each in outputs]
    return IndicatorSeries.model_construct(
        name=indicator.info.name,
        parameters=dict(indicator.parameters),
        begins=computed.begins if indicator.cumulative else None,
        # NaN and infinity, which JSON has not, are null.
        outputs=dict(zip(indicator.info.outputs, outputs, strict=True)),
    )
