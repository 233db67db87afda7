"""What `sam build` makes: each function with its layers, how large they are, and the processor they are built for."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

# Lambda's word → e_machine of the header of ELF.
_MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}


def read_template(built: Path) -> Any:
    """The template as built: its paths lead to the artifacts."""
    return yaml_parse((built / "template.yaml").read_text())


def layers_of(built: Path, function: str) -> Sequence[Path]:
    """The folders of a function's own layers, in the order in which Lambda lays them over each other."""
    template = read_template(built)
    resources = template["Resources"]
    own = resources[function]["Properties"].get("Layers", [])
    references = [*template["Globals"]["Function"]["Layers"], *own]
    # One of AWS's is chosen by a condition.
    return [built / resources[each["Ref"]]["Properties"]["ContentUri"] for each in references if "Ref" in each]


def functions_of(built: Path) -> Mapping[str, Mapping[str, Any]]:
    """The functions and their properties."""
    resources = read_template(built)["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}


def unpack(layers: Sequence[Path], folder: Path) -> None:
    """Lay them over each other, as Lambda does in /opt."""
    for layer in layers:
        shutil.copytree(layer, folder, dirs_exist_ok=True)


def size_of(folder: Path) -> int:
    """Bytes of all its files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def foreign_libraries(folder: Path, architecture: str) -> tuple[int, Sequence[Path]]:
    """How many compiled libraries there are, and those that the processor cannot run."""
    found = list(_libraries(folder))
    return len(found), [path for path, machine in found if machine != _MACHINES[architecture]]


def _libraries(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.rglob("*"):
        if path.is_file() and (path.suffix == ".so" or ".so." in path.name):
            with path.open("rb") as file:
                header = file.read(20)
            assert header.startswith(b"\x7fELF"), path
            yield path, int.from_bytes(header[18:20], "little")


def main(built: Path, architecture: str) -> int:
    """Print what was built; returns the exit code."""
    count, foreign = foreign_libraries(built, architecture)
    if foreign:
        sys.stderr.write(f"not for {architecture}: {', '.join(map(str, foreign))}\n")
        return 1
    sys.stdout.write(f"{architecture}: {count} compiled libraries, all of them for it\n")
    for name in functions_of(built):
        size = size_of(built / name) + sum(map(size_of, layers_of(built, name)))
        sys.stdout.write(f"{name}: {size / 2**20:.0f} MiB with its layers, unzipped\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
