"""The table of `docs/settings.md`, from the models that read the settings; `make docs` writes it there."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chandlery.platform.settings import LocalSettings, Settings
from chandlery.platform.settings.environment import Environment

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
BEGINS, ENDS = "<!-- settings: written by make docs -->", "<!-- /settings -->"
_TYPES: dict[Any, str] = {int: "whole number", float: "number", bool: "true or false", str: "text", Path: "path"}
_BOUNDS: tuple[tuple[type, str, str], ...] = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"))


def table() -> str:
    """The table, in Markdown: a row for each environment variable, in the order of the models."""
    rows = ["| variable | type | default | meaning | read by |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*rows, *_rows(Settings), *_rows(LocalSettings)])


def in_place(text: str) -> str:
    """The page with the table between its marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begins, rest = text.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"{PAGE.name} has no place for the settings: put in {BEGINS} and {ENDS}, a line each")
    return f"{before}{BEGINS}\n{table()}\n{ENDS}{after}"


def _rows(model: type[Environment]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        readers = extra["read_by"] if isinstance(extra, dict) else None
        if not field.description or not isinstance(readers, list):
            raise ValueError(f"{name.upper()} does not say what it means and who reads it")
        cells = [f"`{name.upper()}`", _type(field), _default(field), field.description, ", ".join(map(str, readers))]
        yield f"| {' | '.join(cells)} |"


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(bound, name):g}"
        for kind, name, sign in _BOUNDS
        for bound in field.metadata
        if isinstance(bound, kind)
    ]
    return ", ".join([_word(field.annotation), *bounds])


def _word(annotation: Any) -> str:
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_word(each) for each in get_args(annotation) if each is not NoneType)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{each}`" for each in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list"
    return "secret text" if annotation is SecretStr else _TYPES[annotation]


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum | Path | str):
        return f"`{value}`"
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    PAGE.write_text(in_place(PAGE.read_text()))
