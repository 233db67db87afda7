"""The OpenAPI document's account of data sets: a route of each, with its own queries and the models of its answers."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import OpenAPI, Operation, Parameter, Schema
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind

from .row_models import TYPES, RowsAnswer, page_of

# Of a question, which is never text.
_AS_ASKED: Mapping[Kind, Any] = {Kind.DECIMAL: float, Kind.REAL: float}
_REFERENCE = "#/components/schemas/{model}"


def add_datasets(schema: OpenAPI, path: str) -> None:
    """Put in the place of the route that answers all data sets one of each.

    Args:
        schema: the document.
        path: of that route, with a place for `dataset`.
    """
    paths = schema.paths or {}
    common = paths.pop(path)
    schemas = schema.components.schemas if schema.components else None
    if common.get is None or schemas is None:
        raise AssertionError("the route is no GET, or has no model")
    for dataset in declared.shown():
        each = paths[path.replace("{dataset}", dataset.name)] = deepcopy(common)
        each.get = _operation(common.get, dataset)
        schemas |= _models(dataset)


def _operation(common: Operation, dataset: Dataset) -> Operation:
    parameters = [_narrowed(each, dataset) for each in common.parameters or () if isinstance(each, Parameter)]
    responses: dict[int, Any] = deepcopy(common.responses or {})
    content = {"anyOf": [{"$ref": _REFERENCE.format(model=model)} for model in _pages(dataset)]}
    responses[200].content["application/json"].schema_ = Schema.model_validate(content)
    return common.model_copy(
        update={
            "summary": f"Get an instrument's rows of {dataset.name}",
            "operationId": f"{common.operationId}_{dataset.name}",
            "parameters": [*filter(None, parameters), *_dimensions(dataset)],
            "responses": responses,
        }
    )


def _narrowed(parameter: Parameter, dataset: Dataset) -> Parameter | None:
    """A parameter as it is of one data set; none where the path says it, or there is nothing to choose from."""
    if parameter.name == "timeframe" and dataset.readable:
        return parameter.model_copy(update={"schema_": Schema(type="string", enum=[*map(str, dataset.readable)])})
    return None if parameter.name in ("dataset", "timeframe") else parameter


def _dimensions(dataset: Dataset) -> Iterator[Parameter]:
    for name in dataset.dimensions:
        kind = dataset.columns[name]
        told: dict[str, Any] = {"name": name, "in": "query", "description": f"rows of this {name} alone"}
        told["schema"] = TypeAdapter(_AS_ASKED.get(kind, TYPES[kind])).json_schema()
        yield Parameter.model_validate(told)


def _pages(dataset: Dataset) -> dict[str, type[RowsAnswer]]:
    pages = [page_of(dataset, timeframe) for timeframe in (None, *dataset.timeframes)]
    return {page.__name__: page for page in pages}


def _models(dataset: Dataset) -> dict[str, Schema]:
    pages = _pages(dataset).values()
    _, told = models_json_schema([(page, "serialization") for page in pages], ref_template=_REFERENCE)
    return {name: Schema.model_validate(each) for name, each in told["$defs"].items()}
