"""The folder of a study: its name, its lock, and what stands in it already."""

import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from textlstm.door.arguments import names_of
from textlstm.door.run_folder import is_finished, load_stored_config, load_stored_overrides
from textlstm.door.settings import check_train
from textlstm.door.study_plan import StudyPlan, StudyRun, what_it_is
from textlstm.door.sweep import as_word
from textlstm.environment import commit
from textlstm.errors import UserError
from textlstm.training.checkpoints import newest_checkpoint

LOCK = ".lock"


@dataclass(frozen=True)
class Standing:
    """What the folder has of a plan. begun: runs with a checkpoint to go on from. others: runs of other commands."""

    finished: list[StudyRun]
    begun: list[StudyRun]
    missing: list[StudyRun]
    others: int
    notes: list[str]


def study_name(plan: StudyPlan, swept: Sequence[str]) -> str:
    """The data set and what is swept: the same for the same command."""
    names = list(dict.fromkeys(run.config["dataset"]["name"] for run in plan.runs if run.config))
    data = "-".join(as_word(str(name)) for name in names[:3]) + ("-and-more" if len(names) > 3 else "")
    return "_".join([data or "study", "-".join(as_word(name.rsplit(".", 1)[-1]) for name in swept) or "run"])


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder and keep other processes out of it; the lock ends with this process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"{folder} is being worked on by another process.\nWait for it, or name another study: study=NAME."
        ) from error
    try:
        yield
    finally:
        lock.release()


def forget_empty(folder: Path) -> None:
    """Remove the folder of a study in which no run was begun."""
    if {path.name for path in folder.iterdir()} <= {LOCK}:
        shutil.rmtree(folder)


def look_at(folder: Path, plan: StudyPlan, swept: Collection[str]) -> Standing:
    """Sort the runs that can be carried out into finished, begun and missing.

    A run is also found where another command swept other names and so called it otherwise: the
    plan then takes over the name.
    """
    by_hash = {path.name.rsplit("_", 1)[-1]: path for path in _run_folders(folder)}
    for run in plan.valid:
        path = by_hash.get(run.folder.rsplit("_", 1)[-1])
        if path is not None and not (folder / run.folder).is_dir() and _is_of(path, run, swept):
            run.folder = path.name
    finished = [run for run in plan.valid if is_finished(folder / run.folder)]
    rest = [run for run in plan.valid if run not in finished]
    kept = [run for run in rest if can_go_on(folder / run.folder)]
    present = code_now()
    begun = [run for run in kept if code_of(folder / run.folder) == present]
    notes = _notes(folder, finished, present)
    if len(begun) < len(kept):
        # Half of one program and half of another would be a run of neither.
        notes.append(f"interrupted with other code than the present one, so started again: {len(kept) - len(begun)}")
    planned = {run.folder for run in plan.runs}
    return Standing(
        finished=finished,
        begun=begun,
        missing=[run for run in rest if run not in begun],
        others=sum(is_finished(path) and path.name not in planned for path in _run_folders(folder)),
        notes=notes,
    )


def can_go_on(folder: Path) -> bool:
    """Whether a run left a whole checkpoint, and the settings that it was begun with."""
    if newest_checkpoint(folder / "checkpoints") is None:
        return False
    try:
        load_stored_config(folder), load_stored_overrides(folder)
    except UserError:
        return False
    return True


def _is_of(folder: Path, run: StudyRun, swept: Collection[str]) -> bool:
    """Whether a folder with the same short hash is really of this run."""
    assert run.settings is not None
    try:
        config = load_stored_config(folder)
        settings = check_train(config, names_of(load_stored_overrides(folder)))
    except UserError:
        return False
    return what_it_is(settings, config, swept) == what_it_is(run.settings, run.config, swept)


def code_now() -> list[str | None]:
    """Version and commit of the code that runs here, as a run would write them down."""
    try:
        return [version("textlstm"), commit()]
    except PackageNotFoundError:
        return [None, commit()]


def code_of(folder: Path) -> list[str | None]:
    """Version and commit of the code that a run was begun with, as far as it says."""
    environment = _json(folder / "environment.json")
    return [environment.get("versions", {}).get("textlstm"), environment.get("commit")]


def _notes(folder: Path, finished: list[StudyRun], present: list[str | None]) -> list[str]:
    """What makes reused runs differ from those to come, beside their settings."""
    other = [code for run in finished if (code := code_of(folder / run.folder)) != present]
    notes = []
    if other:
        notes.append(
            f"{len(other)} of the finished runs were made with other code: {', '.join(sorted(set(map(_shown, other))))}; "
            f"the present one is {_shown(present)}"
        )
    machines = {
        (environment.get("device"), environment.get("precision"))
        for run in finished
        if (environment := _json(folder / run.folder / "environment.json"))
    }
    if len(machines) > 1:
        notes.append("the finished runs were made on different devices: " + ", ".join(f"{d} {p}" for d, p in machines))
    return notes


def _shown(code: list[str | None]) -> str:
    number, commit_ = code
    return f"textlstm {number or '(unknown)'}, commit {commit_[:12] + '-dirty' * commit_.endswith('-dirty') if commit_ else '(none)'}"


def _run_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
