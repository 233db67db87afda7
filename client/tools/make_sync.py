"""Makes the client that blocks of the async one: `python tools/make_sync.py`, or `--check`."""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "chandlery_client"
MADE = (
    "calls", "candles", "client", "completeness", "datasets", "instruments", "options", "pages", "signals", "watch",
)  # fmt: skip
HEADING = "# Made of _async/{name}.py by tools/make_sync.py: change that.\n"
WORDS = (
    (r"async def", "def"),
    (r"async with", "with"),
    (r"async for", "for"),
    (r"await ", ""),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"__aiter__", "__iter__"),
    (r"__anext__", "__next__"),
    (r"httpx2\.AsyncBaseTransport", "httpx2.BaseTransport"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"The async client", "The client that blocks"),
    (r"\[page for page in self\._walk\(asked\)\]", "list(self._walk(asked))"),
)


def sync_of(name: str) -> str:
    """The blocking twin of a module."""
    text = (SOURCE / "_async" / f"{name}.py").read_text()
    for word, other in WORDS:
        text = re.sub(word, other, text)
    # The writer that blocks has one sender: the caller.
    text = re.sub(r".*# async only\n", "", text)
    return _tidied(HEADING.format(name=name) + text)


def _tidied(text: str) -> str:
    """As ruff sorts and formats it."""
    file = ["--stdin-filename", str(SOURCE / "_sync" / "made.py")]
    for command in (["check", "--quiet", "--fix", "--select", "I"], ["format"]):
        done = [sys.executable, "-m", "ruff", *command, *file, "-"]
        text = subprocess.run(done, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> int:
    """Write them, or say which differ."""
    differing = [name for name in MADE if _read(name) != sync_of(name)]
    if "--check" in sys.argv:
        print(*(f"_sync/{name}.py is not as made of _async/{name}.py" for name in differing), sep="\n")
        return len(differing)
    for name in differing:
        (SOURCE / "_sync" / f"{name}.py").write_text(sync_of(name))
    return 0


def _read(name: str) -> str:
    path = SOURCE / "_sync" / f"{name}.py"
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
