"""The envelope as JSON Schema, for those who write producers: one for each data set, by its declaration."""

from collections.abc import Collection, Mapping
from typing import Any

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.ingest.domain.contract_members import CONTRACT_MEMBERS
from chandlery.ingest.domain.envelope import MEMBERS, MOST_ROWS, SCHEMA_VERSION
from chandlery.ingest.domain.row_pattern import INSTRUMENT

_DIGITS = r"([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})([eE][+-]?[0-9]{1,2})?$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})$"
_WORD: Mapping[str, Any] = {"type": "string", "pattern": "^[!-~][ -~]{0,99}$"}
_NUMBER = {"type": ["number", "string"], "pattern": f"^[+-]?{_DIGITS}"}
_INTEGER = {"type": ["integer", "string"], "pattern": "^[+-]?[0-9]{1,19}$"}
_MEMBERS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.INTEGER: _INTEGER,
    Kind.BIGINT: _INTEGER,
    Kind.DECIMAL: _NUMBER,
    Kind.REAL: _NUMBER,
    Kind.TEXT: {"type": "string"},
    Kind.FLAG: {"type": "boolean"},
    Kind.TIME: {"type": "string", "pattern": _MOMENT},
    Kind.DATE: {"type": "string", "format": "date"},
}


def name_of(dataset: Dataset) -> str:
    """The file that its schema is published in."""
    return f"{dataset.name}.v{SCHEMA_VERSION}.schema.json"


def record_schema(dataset: Dataset, required: Collection[str]) -> Mapping[str, Any]:
    """The lines of a record as an array: the header, then rows, which must have the `required` columns."""
    columns = {name: kind for name, kind in dataset.columns.items() if name in dataset.said}
    named = CONTRACT_MEMBERS if dataset.is_of_contracts else {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A record of {dataset.name}, version {SCHEMA_VERSION}: its lines as an array",
        "type": "array",
        "prefixItems": [{"$ref": "#/$defs/header"}],
        "items": {"$ref": "#/$defs/row"},
        "minItems": 1,
        "maxItems": MOST_ROWS + 1,
        "$defs": {
            "header": {
                "type": "object",
                "properties": {
                    **dict.fromkeys(MEMBERS, _WORD),
                    "schema_version": {"const": SCHEMA_VERSION},
                    "data_set": {"const": dataset.name},
                },
                "required": [*MEMBERS],
                "additionalProperties": False,
            },
            "row": {
                "type": "object",
                "properties": {INSTRUMENT: {"type": "string"}}
                | {name: _member(dataset, name, kind, is_required=False) for name, kind in named.items()}
                | {name: _member(dataset, name, kind, is_required=name in required) for name, kind in columns.items()},
                "required": [INSTRUMENT, *(name for name in columns if name in required)],
                "additionalProperties": False,
            },
        },
    }


def _member(dataset: Dataset, name: str, kind: Kind, *, is_required: bool) -> Mapping[str, Any]:
    member = dict(_MEMBERS[kind])
    if name in dataset.unsigned:
        member |= {"minimum": 0, "pattern": f"^[+]?{_DIGITS}"}
    if name in dataset.within:
        member |= dict(zip(("minimum", "maximum"), dataset.within[name], strict=True))
    if name in dataset.among:
        member["enum"] = [*dataset.among[name], *([] if is_required else [None])]
    if not is_required:
        types = member["type"] if isinstance(member["type"], list) else [member["type"]]
        member["type"] = [*types, "null"]
    return member
