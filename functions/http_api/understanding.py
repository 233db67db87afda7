"""What requests ask for, found out by OpenAPI's declarations; of what was asked before, once."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware
from cachetools import LRUCache

# Programs repeat their questions. The values of this many are kept, of none that is longer than this.
_MOST_KEPT, _MOST_CHARACTERS = 512, 1000


class Understanding(OpenAPIRequestValidationMiddleware):
    """Powertools' validation, which reads path and query of the same request once.

    What they mean hangs on nothing else: no validator knows the time. Routes with a body, headers or cookies among
    their parameters are validated each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: LRUCache[tuple[str, ...], Mapping[str, Any]] = LRUCache(_MOST_KEPT)

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        """Put the values of a request in the place of its words, and go on."""
        route, words = app.context["_route"], app.context["_route_args"]
        wanted = route.dependant
        if wanted.body_params or wanted.header_params or wanted.cookie_params:
            return super().handler(app, next_middleware)
        event = app.current_event
        # Powertools reads the one, and the other to tell repeated names.
        queries = repr(event.get("queryStringParameters")), event.get("rawQueryString") or ""
        asked = (route.method, route.path, *words.values(), *queries)
        kept = self._kept.get(asked)
        if kept is not None:
            app.context["_route_args"] = dict(kept)
            return next_middleware(app)

        def keep(app: Any) -> Response[Any]:
            if sum(map(len, asked)) <= _MOST_CHARACTERS:
                self._kept[asked] = dict(app.context["_route_args"])
            return next_middleware(app)

        return super().handler(app, keep)  # type: ignore[arg-type]  # whose protocol fits no function
