"""The user's cache: what is made once on a machine and can be made again at any time."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`TEXTLSTM_CACHE`, or `textlstm` in the user's cache."""
    given = os.environ.get("TEXTLSTM_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textlstm"
