"""What is wrong with a value, said in one way for all sources: setting, secret, file, event, request, vendor."""

from collections.abc import Mapping, Sequence
from typing import Any

_TIME = "must be a time in ISO 8601 with an offset or Z, such as 2026-03-02T09:15:00Z"
_DATE = "must be a date in ISO 8601, such as 2026-03-02"
# By the beginning of a problem's type, the longest first; what a text names is in the problem's context.
_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is unknown: remove it, or correct its name",
    "value_error": "{error}",
    "int": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float": "must be a number",
    "decimal": "must be a number",
    "decimal_max_digits": "must have {max_digits} digits or fewer",
    "decimal_max_places": "must have {decimal_places} decimal places or fewer",
    "decimal_whole_digits": "must have {whole_digits} digits or fewer before the point",
    "finite_number": "must be a finite number",
    "bool": "must be true or false",
    "string": "must be text",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "too_short": "must have a length of {min_length} or more, and has {actual_length}",
    "too_long": "must have a length of {max_length} or less, and has {actual_length}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} is missing",
    "list": "must be a list",
    "tuple": "must be a list",
    "dict": "must be an object",
    "model": "must be an object",
    "datetime": _TIME,
    "timezone": _TIME,
    "date": _DATE,
    "time": _TIME,
}
_KINDS = sorted(_SAID, key=len, reverse=True)


def complaint(problem: Mapping[str, Any]) -> str:
    """What is wrong, to be put after the place: `is missing`, `must be 10 or less`.

    Args:
        problem: one of the `errors()` of a ValidationError. If its type is unknown here, the answer is its own message.
    """
    kind = next((each for each in _KINDS if f"{problem['type']}_".startswith(f"{each}_")), None)
    return _SAID[kind].format_map(_plain(problem.get("ctx", {}))) if kind else str(problem["msg"])


def first_complaint(problems: Sequence[Mapping[str, Any]]) -> str:
    """The first of the `errors()` of a ValidationError with its place, in capitals: `PORT: must be a whole number`."""
    where = ".".join(str(part) for part in problems[0]["loc"]).upper()
    return f"{where}: {complaint(problems[0])}" if where else complaint(problems[0])


def _plain(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, with whole numbers written as such: 30, not 30.0."""
    whole = {name: int(value) for name, value in context.items() if isinstance(value, float) and value.is_integer()}
    return {**context, **whole}
