"""Which checkpoint of a run can be gone on with.

transformers writes a checkpoint file by file, `trainer_state.json` last; a process killed in
between leaves half of one. Complete is what has a `trainer_state.json` that parses.
"""

import json
from pathlib import Path


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete `checkpoint-<step>` with the highest step below `folder`, or None."""
    complete = [path for path in folder.glob("checkpoint-*") if path.name[11:].isdigit() and _is_complete(path)]
    return max(complete, key=lambda path: int(path.name[11:]), default=None)


def _is_complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False
    return True
