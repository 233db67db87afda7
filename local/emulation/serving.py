"""ministack, started by its own interpreter, with three things done as AWS does them that it does not do yet.

It knows no `Fn::Join` and no `Fn::Split` in conditions, keeps a function's layers apart where Lambda lays them one over
the other in /opt, and fails where a parameter of the template says how many batches of a queue there may be at once.
"""

import os
import signal
import sys
import threading
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import engine

_FUNCTIONS = {"Fn::Join", "Fn::Select", "Fn::Split"}
# Before the function's module is imported, in its own process.
_LAY_OVER = """
import os, shutil
def _replace(source, target):
    if os.path.exists(target):
        os.remove(target)
    os.link(source, target)
_opt, *_others = os.environ["_LAMBDA_LAYERS_DIRS"].split(os.pathsep)
for _other in _others:
    shutil.copytree(_other, _opt, copy_function=_replace, dirs_exist_ok=True)
"""

_evaluate = engine._evaluate_conditions
_concurrency_of = lambda_svc._sqs_esm_concurrency


def evaluate_conditions(template: dict[str, Any], params: dict[str, Any]) -> dict[str, bool]:
    """The template's conditions, their functions of strings and lists resolved first."""
    conditions = {name: _resolve(each, params) for name, each in template.get("Conditions", {}).items()}
    evaluated: dict[str, bool] = _evaluate(template | {"Conditions": conditions}, params)
    return evaluated


def _resolve(value: Any, params: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolve(each, params) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() & _FUNCTIONS:
        return engine._resolve_refs(value, {}, params, {}, {}, "", "")
    return {key: _resolve(each, params) for key, each in value.items()}


def concurrency_of(source: dict[str, Any], *others: Any) -> int:
    """Batches of a queue at the same time: what a parameter says is text, which it compares with a count."""
    scaling = {name: int(most) for name, most in (source.get("ScalingConfig") or {}).items()}
    found: int = _concurrency_of(source | {"ScalingConfig": scaling}, *others)
    return found


def _end_with_parent() -> None:
    """The other end of stdin is closed when whoever started this is gone, however that came."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve until ended."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in list(sys.modules.values()):
        if getattr(module, "_evaluate_conditions", None) is _evaluate:
            module._evaluate_conditions = evaluate_conditions  # type: ignore[attr-defined]
    lambda_svc._sqs_esm_concurrency = concurrency_of
    lambda_runtime._PYTHON_WORKER_SCRIPT = _LAY_OVER + lambda_runtime._PYTHON_WORKER_SCRIPT
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
