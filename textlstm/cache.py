"""The user's cache: what is made once on a machine and can be made again at any time."""

import os
from pathlib import Path

from filelock import FileLock


def cache_folder() -> Path:
    """`TEXTLSTM_CACHE`, or `textlstm` in the user's cache."""
    given = os.environ.get("TEXTLSTM_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textlstm"


def locked(folder: Path, name: str) -> FileLock | None:
    """The lock `name` of a cache folder, held until it is released; None where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / name)
        lock.acquire()
    except (OSError, NotImplementedError):  # the latter from file systems without locks
        return None
    return lock
