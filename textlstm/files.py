"""Writing files so that a reader never meets half of one, and where what is made once is kept."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """`TEXTLSTM_CACHE`, or `textlstm` in the user's cache."""
    given = os.environ.get("TEXTLSTM_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textlstm"


def write_atomically(path: Path, text: str) -> None:
    """Write beside `path`, then rename: it holds the old text or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write by rename; NaN is refused, since it is no JSON."""
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
