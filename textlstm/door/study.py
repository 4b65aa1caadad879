"""A study: many runs as one, carried out beside each other, and finished by the same command however it was ended.

plan -> what stands there already -> what the runs share -> the runs -> the study's report
"""

import dataclasses
import json
import shlex
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from textlstm.door.alone import as_typed
from textlstm.door.arguments import Arguments, names_of
from textlstm.door.messages import say, say_failed
from textlstm.door.pool import Pool, carry_out_here, count_workers
from textlstm.door.prepared import remembered
from textlstm.door.program import FailedRun, Program
from textlstm.door.resume import compose_plain
from textlstm.door.run_folder import REPORT
from textlstm.door.settings import TrainSettings, check_train
from textlstm.door.study_folder import Standing, forget_empty, locked, look_at, study_name
from textlstm.door.study_job import Answer, Job
from textlstm.door.study_lines import Pace, StudyLines, print_plan, print_standing
from textlstm.door.study_plan import StudyPlan, StudyRun, make_plan
from textlstm.door.study_shared import shared_files
from textlstm.door.study_trials import check_trials, chosen_by_depth, trials_by_depth, trials_of, tuned, with_trials
from textlstm.door.sweep import PlannedRun, plan_runs, study_overrides, swept_names
from textlstm.errors import UserError
from textlstm.reports.terminal import open_console
from textlstm.study.factors import DEPTH
from textlstm.study.runs import TUNING
from textlstm.study.search import SEARCHED


def start_study(program: Program, arguments: Arguments) -> None:
    """Carry out the study that `-m` or `sweep=` ask for."""
    planned = plan_runs(program.conf, arguments.overrides)
    swept = swept_names(program.conf, arguments.overrides)
    of_study = study_overrides(program.conf, arguments.overrides)
    settings = check_train(compose_plain(program.conf, program.config_name, of_study))
    check_trials(settings.study, names_of(of_study), planned)
    if settings.study.tuning == "per_depth":
        _tune_and_run(program, planned, swept, settings)
    elif settings.study.trials is not None:
        run_study(program, with_trials(planned, settings.study), [*swept, "trials"], settings)
    else:
        run_study(program, planned, swept, settings)


def _tune_and_run(
    program: Program, planned: Sequence[PlannedRun], swept: Collection[str], settings: TrainSettings
) -> None:
    """Trials at every depth, below the study's folder; then the study, each depth with what its trials chose."""
    console = open_console()
    plan = make_plan(program.conf, planned, swept)
    if not plan.valid:
        raise UserError(str(plan.runs[0].error))
    folder = place_of(plan, swept, settings)
    assert program.prepare is not None
    program = dataclasses.replace(program, prepare=remembered(program.prepare))
    trials = trials_by_depth(planned, settings.study)
    console.print(f"tuning    {trials_of(settings.study)} random settings, the same at each depth; validation chooses")
    silent = dataclasses.replace(program, finish=None)
    done = run_study(silent, trials, [DEPTH, "seed", *SEARCHED.values()], settings, folder=folder / TUNING)
    if settings.run.explain:
        console.print(f"then      {len(plan.runs)} runs in {folder}, each depth with the best of its trials")
        return
    metric = next(run.settings.training.metric for run in plan.runs if run.settings is not None)
    chosen = chosen_by_depth(done, metric)
    for depth, values in chosen.items():
        console.print(f"chosen    depth {depth}: {', '.join(f'{name}={value:g}' for name, value in values.items())}")
    run_study(program, tuned(planned, chosen), swept, settings, folder=folder)


def place_of(plan: StudyPlan, swept: Collection[str], settings: TrainSettings) -> Path:
    """The study's folder."""
    return as_typed(Path(_output_dir(plan)) / (settings.study.name or study_name(plan, list(swept))))


def run_study(
    program: Program,
    planned: Sequence[PlannedRun],
    swept: Collection[str],
    settings: TrainSettings,
    folder: Path | None = None,
) -> list[Path]:
    """Carry out `planned`, as far as it is not done; give the folders of all its finished runs.

    swept: the dotted names by which they differ. settings: for `study`, `run.explain` and `run.debug`
    alone. folder: another than the study's own. Raises `UserError` at the end where runs failed, once
    the others are done and reported.
    """
    console = open_console()
    plan = make_plan(program.conf, planned, swept)
    folder = folder or place_of(plan, swept, settings)
    if settings.run.explain:
        print_plan(console, folder, plan, look_at(folder, plan, swept))
        return []
    for run in plan.runs:
        if run.error is not None:
            say_failed(run.name, run.error)
    if not plan.valid:
        raise _failure(plan, 0)
    with locked(folder):
        standing = look_at(folder, plan, swept)
        print_standing(console, folder, plan, standing)
        _carry_out(program, settings, plan, standing, folder, console)
        done = [folder / run.folder for run in plan.valid]
        failed = [FailedRun(run.name, str(run.error)) for run in plan.runs if run.error is not None]
        if done and program.finish is not None:
            program.finish(folder, done, failed)
    forget_empty(folder)
    if failed:
        for item in failed:
            say(f"failed    {item.run}: {item.error.splitlines()[0]}")
        raise _failure(plan, len(done))
    return done


def _carry_out(
    program: Program, settings: TrainSettings, plan: StudyPlan, standing: Standing, folder: Path, console: Console
) -> None:
    """Run what is begun or missing, in the order of the plan; what fails has its error afterwards."""
    to_do = [run for run in plan.valid if run not in standing.finished]
    if not to_do:
        return
    workers = count_workers(settings.study.workers, [run.settings.training for run in to_do if run.settings])
    threads = max(run.settings.training.threads or 1 for run in to_do if run.settings)
    pool = Pool(min(workers, len(to_do)), program.script, program.run.__name__, threads) if workers else None
    try:
        if pool:
            pool.start(len(to_do))  # their imports take as long as the preparation
        with shared_files(program, plan, to_do, folder, console) as prepared:
            to_do = [run for run in to_do if run.error is None]
            jobs = [
                Job(
                    folder=str(folder / run.folder),
                    prepared=str(prepared[run.folder]),
                    config=run.config,
                    overrides=run.overrides,
                    go_on=run in standing.begun,
                )
                for run in to_do
            ]
            counts = len(standing.finished), len(plan.runs) - len(plan.valid)
            pace = Pace([(_depth(run), _report(folder, run)["training"]["seconds"]) for run in standing.finished])
            with StudyLines(console, [_depth(run) for run in to_do], *counts, max(workers, 1), pace) as lines:
                for event in pool.run(jobs) if pool else carry_out_here(jobs, program.run):
                    if event is None:
                        lines.move()
                    elif event.answer is None:
                        lines.begin(event.number)
                    else:
                        run = to_do[event.number]
                        run.error = event.answer.error
                        lines.end(event.number, *_told(run, event.answer, folder, debug=settings.run.debug))
    finally:
        if pool:
            pool.close()


def _told(run: StudyRun, answer: Answer, folder: Path, *, debug: bool) -> tuple[str | None, float]:
    """A finished run's line and the seconds that its training took in all; a failed one is told at once."""
    if answer.error is not None:
        say_failed(run.name, answer.error)
        if debug and answer.trace:
            say(answer.trace)
        return None, 0.0
    report = _report(folder, run)
    validation, training = report["splits"]["validation"]["accuracy"], report["training"]
    line = (
        f"{run.name}  validation {100 * validation:.2f}% at epoch {training['best_epoch']:.3g}, {answer.seconds:.0f} s"
    )
    return line, max(answer.seconds, training["seconds"])


def _failure(plan: StudyPlan, done: int) -> UserError:
    count = len(plan.runs) - done
    rest = "the others are done" if done else "none is done"
    command = shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
    return UserError(
        f"{count} run{'s' * (count != 1)} of the study failed; {rest}.\nOnce the cause is gone, go on with: {command}"
    )


def _report(folder: Path, run: StudyRun) -> dict[str, Any]:
    return json.loads((folder / run.folder / REPORT).read_text())  # type: ignore[no-any-return]


def _depth(run: StudyRun) -> object:
    return run.config["model"]["layers"]


def _output_dir(plan: StudyPlan) -> str:
    return next((run.settings.run.output_dir for run in plan.runs if run.settings is not None), ".")
