"""The OpenAPI document's account of indicators: every name with its parameters, their bounds, and its outputs."""

from collections.abc import Iterable

from aws_lambda_powertools.event_handler.openapi.models import OpenAPI, Schema

from chandlery.indicators.numerics.catalogue import IndicatorInfo, ParameterInfo, catalogue


def add_indicators(schema: OpenAPI, path: str, model: str) -> None:
    """Say what can be computed: in the words of the operation at a path, and as the names its requests may have.

    Args:
        schema: the document.
        path: of the operation.
        model: what a request names an indicator with, in `name`.
    """
    operation = (schema.paths or {})[path].post
    if operation is not None:
        operation.description = f"{operation.description}\n\n{_table(catalogue().values())}"
    named = (schema.components.schemas or {}).get(model) if schema.components else None
    name = (named.properties or {}).get("name") if isinstance(named, Schema) else None
    if isinstance(name, Schema):
        name.enum = list(catalogue())


def _table(indicators: Iterable[IndicatorInfo]) -> str:
    rows = ["| indicator | what it is | parameters | outputs |", "| --- | --- | --- | --- |"]
    for each in indicators:
        parameters = "; ".join(map(_parameter, each.parameters)) or "none"
        rows.append(f"| `{each.name}` | {each.title} ({each.group}) | {parameters} | {', '.join(each.outputs)} |")
    return "\n".join(rows)


def _parameter(parameter: ParameterInfo) -> str:
    by_itself = "must be given" if parameter.default is None else f"{parameter.default}"
    if parameter.choices:
        allowed = ", ".join(choice for choice in parameter.choices if isinstance(choice, str))
    elif parameter.minimum is not None and parameter.maximum is not None:
        allowed = f"{parameter.minimum:.15g} to {parameter.maximum:.15g}"
    else:
        allowed = parameter.kind
    return f"`{parameter.name}` = {by_itself} ({allowed})"
