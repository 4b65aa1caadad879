"""Which checkpoint of a run can be gone on with.

transformers writes a checkpoint file by file, `trainer_state.json` last; a process killed in
between leaves half of one. Complete is what has a `trainer_state.json` that parses.
"""

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback


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


class BestCheckpointByName(TrainerCallback):
    """Finds the best checkpoint in the run's folder as it is now.

    A resumed run may have been moved, or be named from another current folder; transformers would
    look at the old place, find nothing, and keep the last weights in silence.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """By its step: transformers has forgotten a path that is gone by the time it calls this."""
        if state.best_global_step:
            state.best_model_checkpoint = str(Path(args.output_dir) / f"checkpoint-{state.best_global_step}")
