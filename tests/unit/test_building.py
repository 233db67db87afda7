"""What of the layers is left out of a deployment."""

from pathlib import Path

from local.emulation.building import strip

READ = [
    "numpy/core.py",
    "pydantic/main.py",
    "numpy/testing/__init__.py",
    "numpy.libs/libblas.so",
    "numpy.dist-info/METADATA",
]
IDLE = [
    "numpy/tests/test_core.py", "numpy/core/tests/data/deep.csv", "numpy/core.pyi", "numpy/core.c", "numpy/lib.a",
    "numpy.dist-info/RECORD", "requirements.txt", "pydantic/v1/main.py",
]  # fmt: skip


def test_what_functions_read_stays_and_nothing_else(tmp_path: Path) -> None:
    written = [f"SomeLayer/python/{name}" for name in READ + IDLE] + ["HttpApi/requirements.txt"]
    for name in written:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    strip(tmp_path)
    strip(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {f"SomeLayer/python/{name}" for name in READ} | {"HttpApi/requirements.txt"}
    assert not [*tmp_path.rglob("tests")]
