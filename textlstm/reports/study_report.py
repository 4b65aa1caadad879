"""A study told from its finished runs: `study.json` for programs, `study.html` for people, a table in the terminal."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from textlstm.errors import UserError
from textlstm.files import write_atomically, write_json
from textlstm.reports.study_page import render_study
from textlstm.reports.study_terminal import print_study
from textlstm.reports.terminal import open_console
from textlstm.reports.wording import percent
from textlstm.study.mcnemar import compare_runs
from textlstm.study.runs import REPORT, find_runs, find_trials, read_run
from textlstm.study.summary import JudgingSettings, summarize


class Failed(Protocol):
    """A run without a report, and why."""

    run: str
    error: str


def finish_study(folder: Path, runs: list[Path], failed: Sequence[Failed]) -> None:
    """The end of a study in training. Runs that are no one study are named, not an error: they are done all the same."""
    console = open_console()
    rows = [{"run": item.run, "error": item.error.splitlines()[0]} for item in failed]
    try:
        write_study(console, runs, folder, trials=find_trials([folder]), failed=rows)
    except UserError as error:
        console.print(f"study     {folder}: {len(runs)} of {len(runs) + len(failed)} runs are finished")
        console.print(f"no answer {error}")
        console.print(f"next      python evaluate.py study={folder} judging.factor=NAME")


def report_study(console: Console, studies: Sequence[Path], judging: JudgingSettings) -> None:
    """Build the report of one study again, or of several together, from whatever runs stand in their folders."""
    write_study(console, find_runs(studies), _place(studies), judging=judging, trials=find_trials(studies))


def write_study(
    console: Console,
    runs: Sequence[Path],
    folder: Path,
    *,
    judging: JudgingSettings | None = None,
    trials: Sequence[Path] = (),
    failed: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """Summarize `runs`, write both files into `folder`, print the table; give the content of `study.json`.

    trials: those of the tuning of each depth.
    """
    study = summarize(
        [read_run(run) for run in runs],
        name=folder.name,
        judging=judging,
        trials=[read_run(trial) for trial in trials],
        failed=failed,
    )
    # Links hold wherever the folder is moved to.
    for part in _with_runs(study):
        part["runs"] = [_from(folder, run) for run in part["runs"]]
    for trial in _trials(study):
        trial["run"] = _from(folder, trial["run"])
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "study.html", render_study(study))
    write_json(folder / "study.json", study)
    print_study(console, study, folder=folder)
    return study


def _with_runs(study: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of `study.json` that name folders of runs: levels, and cells of a grid."""
    return [*study["depths"], *((study["grid"] or {}).get("cells") or [])]


def _trials(study: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The trials, each of which names one folder; the best of a depth is one of them."""
    for row in (study["sensitivity"] or {}).get("by_depth") or []:
        yield from row["runs"]


def _from(folder: Path, run: str) -> str:
    return Path(os.path.relpath(run, folder)).as_posix()


def compare_checkpoints(console: Console, first: Path, second: Path) -> None:
    """Two runs on the same test texts: the exact McNemar test, and what it does not say."""
    for folder in (first, second):
        if not (folder / REPORT).is_file():
            raise UserError(f"{folder} is not a finished run.\nGive two folders of runs: compare=[RUN_A,RUN_B].")
    found = compare_runs(read_run(first), read_run(second))
    for accuracy, run in zip(found["accuracy"], found["runs"], strict=True):
        console.print(f"{percent(accuracy):<10}{run}")
    console.print(
        f"Of {found['examples']:,} test texts {found['only_first_right']:,} are right in the first alone and "
        f"{found['only_second_right']:,} in the second alone: exact McNemar p = {found['p']:.3g}."
    )
    console.print(found["note"])


def _place(studies: Sequence[Path]) -> Path:
    """The study's own folder; several together have one beside the first."""
    if len(studies) == 1:
        return studies[0]
    return studies[0].parent / "+".join(study.name for study in studies)
