"""The CloudFormation that SAM makes of `template.yaml`."""

from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[1]


class NoManagedPolicies:
    """SAM asks AWS for the managed policies; this template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def translate(*, layers: str = "s3://bucket/artifact", **given: str) -> dict[str, Any]:
    """The template CloudFormation would see, its conditions and parameters still open.

    Args:
        layers: where the layers' artifacts are.
        given: parameters without their defaults; SAM itself reads a few.
    """
    # SAM's own: loaded when translating, which takes longer than to collect a hundred tests.
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    fresh = yaml_parse((REPO / "template.yaml").read_text())
    parameters = {name: parameter.get("Default", "desk") for name, parameter in fresh["Parameters"].items()} | given
    for resource in fresh["Resources"].values():  # what `sam package` puts in place of the folders
        for name in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
            resource["Properties"][name] = layers if name == "ContentUri" else "s3://bucket/artifact"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        translated: dict[str, Any] = transform(fresh, parameters, NoManagedPolicies())
    return translated
