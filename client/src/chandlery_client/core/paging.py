"""Pages: what is asked for, and which page is the next one."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec

from chandlery_client.errors import BadAnswer, BadArgument, CursorRepeated

from .decoding import decode
from .wire import Query, Request, Response

T = TypeVar("T")
_HEAD: tuple[tuple[str, Any, Any], ...] = (
    ("instrument_key", str | None, None),
    ("timeframe", str | None, None),
    ("remarks", list[str], msgspec.field(default_factory=list)),
    ("next_cursor", str | None, None),
)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A bounded part of an answer.

    Attributes:
        rows: the oldest first, or in the order that the method documents.
        next_cursor: asks for the page after this one; None at the end.
        timeframe: of the rows, where they have one.
        remarks: what the rows alone do not say.
    """

    rows: Sequence[T]
    next_cursor: str | None = None
    timeframe: str | None = None
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A question that is answered by pages.

    Attributes:
        row: the type of a row.
        member: of an answer, which has the rows.
        path: of the route.
        query: but for limit and cursor.
        page_size: rows in a page; the server's own choice where None.
        backward: whether pages go back in time, as without `from`.
        most: rows in all; None: all there are.
        is_one_page: whether the first page is all.
        is_plain: whether rows are dictionaries of texts and whole numbers, of which frames are made.
    """

    row: type[T]
    member: str
    path: str
    query: Query
    page_size: int | None = None
    backward: bool = False
    most: int | None = None
    is_plain: bool = False
    is_one_page: bool = False

    def __post_init__(self) -> None:
        for name, value in (("limit", self.most), ("page_size", self.page_size)):
            if value is not None and value < 1:
                raise BadArgument(f"{name}: {value} is less than 1")

    @property
    def plain(self) -> "Asked[dict[str, Any]]":
        """The same, for a frame."""
        return cast("Asked[dict[str, Any]]", replace(self, is_plain=True))

    def request(self, cursor: str | None = None, left: int | None = None) -> Request:
        """The request for the page at a cursor."""
        sizes = [size for size in (self.page_size, left) if size is not None]
        more = [("limit", str(min(sizes)))] if sizes else []
        more += [("cursor", cursor)] if cursor is not None else []
        return Request("GET", self.path, (*self.query, *more))

    def page(self, body: bytes) -> Page[T]:
        """A page, of the body of an answer."""
        kind = _answer_type(dict if self.is_plain else cast("Hashable", self.row), self.member)
        found = decode(body, kind, float_hook=str if self.is_plain else None)
        return Page(getattr(found, self.member), found.next_cursor, found.timeframe, found.remarks)


@cache
def _answer_type(row: Hashable, member: str) -> Any:
    # Of a type that is known at run time alone.
    rows = cast("Any", list)[row]
    return msgspec.defstruct(f"{getattr(row, '__name__', 'Row')}Answer", [(member, rows), *_HEAD])


@dataclass
class Walk(Generic[T]):
    """From page to page: only a missing cursor is the end, however short a page is."""

    asked: Asked[T]
    is_over: bool = False
    _cursor: str | None = None
    _count: int = 0
    _seen: set[str] = field(default_factory=set)

    def request(self) -> Request:
        """The request for the next page."""
        left = None if self.asked.most is None else self.asked.most - self._count
        return self.asked.request(self._cursor, left)

    def take(self, response: Response) -> Page[T]:
        """The page that came.

        Raises:
            CursorRepeated: it leads to a page that was read already.
            BadAnswer: it cannot be read as a page.
        """
        page = self.asked.page(response.body)
        if page.next_cursor is not None and page.next_cursor in self._seen:
            raise CursorRepeated(f"the page after cursor {page.next_cursor!r} names that cursor again")
        self._cursor = page.next_cursor
        self._seen |= {page.next_cursor} if page.next_cursor else set()
        page = self._within(page)
        self._count += len(page.rows)
        self.is_over = page.next_cursor is None or self.asked.is_one_page
        return page

    def _within(self, page: Page[T]) -> Page[T]:
        """The page, without what is beyond the rows asked for: of pages that go back, its newest rows are."""
        if self.asked.most is None or self._count + len(page.rows) < self.asked.most:
            return page
        left = self.asked.most - self._count
        rows = page.rows[-left:] if self.asked.backward else page.rows[:left]
        return replace(page, rows=rows, next_cursor=None)


def whole(pages: Sequence[Page[T]], asked: Asked[T]) -> list[T]:
    """The rows of all pages, in the order of one page."""
    ordered = reversed(pages) if asked.backward else pages
    return [row for page in ordered for row in page.rows]


def one_answer(response: Response, kind: type[T]) -> T:
    """The value of an answer that has no pages."""
    if response.status == 204 or not response.body:
        raise BadAnswer(f"status {response.status} without a body")
    return decode(response.body, kind)
