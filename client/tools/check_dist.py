"""Says what a folder of built distributions lacks or has too much: `python tools/check_dist.py dist`."""

import sys
import tarfile
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"


def complaints(folder: Path) -> list[str]:
    """What is wrong with the wheel and the sdist of a folder."""
    wheels, sdists = [*folder.glob("*.whl")], [*folder.glob("*.tar.gz")]
    if (len(wheels), len(sdists)) != (1, 1):
        return [f"{folder} has {len(wheels)} wheels and {len(sdists)} sdists, not one of each"]
    wanted = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.suffix == ".py" or path.name == "py.typed"
    }
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdists[0]) as sdist:
        sources = {name.partition("/src/")[2] for name in sdist.getnames() if "/src/" in name}
    return [
        *(f"the wheel lacks {name}" for name in sorted(wanted - names)),
        *(f"the wheel has {name} too" for name in sorted(names - wanted)),
        *(f"the sdist lacks {name}" for name in sorted(wanted - sources)),
    ]


def main() -> int:
    """Print them."""
    folder = Path(sys.argv[1])
    found = complaints(folder)
    print(*found or (f"{path.name}: {path.stat().st_size:,} bytes" for path in sorted(folder.iterdir())), sep="\n")
    return len(found) > 0


if __name__ == "__main__":
    sys.exit(main())
