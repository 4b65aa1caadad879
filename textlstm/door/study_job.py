"""One run of a study, carried out: in a worker, or in the study's own process."""

import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from textlstm.door.arguments import names_of
from textlstm.door.messages import in_words
from textlstm.door.prepared import load_prepared
from textlstm.door.run_folder import is_finished, load_stored_config, load_stored_overrides, store_config
from textlstm.door.settings import check_train
from textlstm.errors import UserError
from textlstm.files import write_atomically, write_json

LOG = "log.txt"
"""What a run in a worker would have said in a terminal."""

ERROR = "error.json"
"""Why the run did not come to its end: `run` and `error`, as in a study's list of failed runs."""


@dataclass(frozen=True)
class Job:
    """Plain values alone, so that it can be sent to another process.

    folder: of the run. prepared: file of what it shares. go_on: from its newest checkpoint, with
    its stored settings; else whatever an earlier attempt left is not looked at.
    """

    folder: str
    prepared: str
    config: dict[str, Any]
    overrides: list[str]
    go_on: bool


@dataclass(frozen=True)
class Answer:
    """error: None for a finished run. trace: the traceback of what is a fault of the program."""

    seconds: float
    error: str | None = None
    trace: str | None = None


def carry_out(job: Job, run: Callable[..., None]) -> Answer:
    """Train; an error becomes an answer."""
    started, folder = time.perf_counter(), Path(job.folder)
    error, trace = None, None
    try:
        config, overrides = _begin(job, folder)
        run(check_train(config, names_of(overrides)), load_prepared(job.prepared), folder)
        # Twenty runs would fill a disk with what only an interrupted one needs.
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    except UserError as caught:
        error = str(caught)
    except Exception as caught:  # a bug or a full disk ends this run, not the study
        words = in_words(caught, "config") if isinstance(caught, OSError) else caught
        if isinstance(words, UserError):
            error = str(words)
        else:
            error = f"{type(caught).__name__}: {caught}\nThis is a fault of the program; debug=true shows where."
            trace = traceback.format_exc()
    if error is not None:
        note_error(folder, error, trace)
    return Answer(time.perf_counter() - started, error, trace)


def note_error(folder: Path, error: str, trace: str | None = None) -> None:
    """Write the reason into the run's folder, as far as it can be written."""
    try:
        write_json(folder / ERROR, {"run": folder.name, "error": error, "traceback": trace})
    except OSError:
        return


def _begin(job: Job, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Make the folder what a run alone would have made of it; give the settings to be used."""
    assert not is_finished(folder), f"{folder} is finished and must not be touched"
    (folder / ".hydra").mkdir(parents=True, exist_ok=True)
    (folder / ERROR).unlink(missing_ok=True)
    if job.go_on:
        return load_stored_config(folder), load_stored_overrides(folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    # Of the data that another start met; these are another's words then.
    (folder / "environment.json").unlink(missing_ok=True)
    write_atomically(folder / ".hydra" / "overrides.yaml", yaml.safe_dump(job.overrides))
    store_config(folder, job.config)
    return job.config, job.overrides
