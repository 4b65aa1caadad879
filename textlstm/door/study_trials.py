"""Trials: random settings of the recipe, the same at every depth; by themselves a study, or before one to tune each depth.

trials at every depth -> the best of each by validation -> the runs of the study, with fresh seeds
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from textlstm.door.arguments import names_of
from textlstm.door.settings import StudySettings
from textlstm.door.sweep import PlannedRun, as_word
from textlstm.errors import UserError
from textlstm.study.factors import DEPTH
from textlstm.study.runs import read_run
from textlstm.study.search import SEARCHED, best_trial, draw_trials

FIRST_SEED = 10_000
"""Of the first trial, the next has the next: other seeds than those of the study, which may not have them."""

TRIALS = 12
"""At each depth, where tuning is asked for and no number is given."""


def check_trials(settings: StudySettings, explicit: Collection[str], planned: Sequence[PlannedRun]) -> None:
    """Raise `UserError` for settings of the search that act on nothing, and for sweeps that cannot be tuned."""
    wanted = settings.trials is not None or settings.tuning != "none"
    given = next((name for name in sorted(explicit) if name.startswith("study.search")), None)
    if given and not wanted:
        raise UserError(
            f"{given} has no effect without random settings to try.\nAdd study.trials=12 or study.tuning=per_depth, or leave it out."
        )
    if not wanted:
        return
    names = _names(planned)
    if set(SEARCHED.values()) <= names:
        raise UserError(
            f"study.trials draws {', '.join(SEARCHED.values())}, and all of these are given.\nLeave out what is to be tried."
        )
    if settings.tuning == "none":
        return
    several = {name for name in names if len({_value(run, name) for run in planned}) > 1}
    if DEPTH not in several:
        raise UserError("study.tuning=per_depth needs several depths.\nAdd model.layers=1,2,3, or sweep=depth.")
    if others := sorted(several - {DEPTH, "seed"}):
        raise UserError(
            f"study.tuning=per_depth tunes depths, and {', '.join(others)} is swept too.\nMake a study of each of its values."
        )
    of_trials = {str(FIRST_SEED + number) for number in range(trials_of(settings))}
    taken = [seed for seed in (_value(run, "seed") for run in planned) if seed in of_trials]
    if taken:
        raise UserError(
            f"seed={taken[0]} is one of a trial, and the study needs seeds of its own.\nGive seeds below {FIRST_SEED}."
        )


def trials_of(settings: StudySettings) -> int:
    """How many settings are tried at each depth."""
    return settings.trials or TRIALS


def with_trials(planned: Sequence[PlannedRun], settings: StudySettings) -> list[PlannedRun]:
    """Every run of the plan once with each of the random settings; with a seed a trial where none is given."""
    names = _names(planned)
    draws = draw_trials(settings.search, trials_of(settings), fixed=names)
    runs = []
    for run in planned:
        for number, values in enumerate(draws):
            seed = {} if "seed" in names else {"seed": FIRST_SEED + number}
            settings_ = [f"{name}={value!r}" for name, value in {**values, **seed}.items()]
            runs.append(PlannedRun([*run.overrides, *settings_], f"{run.label}_trial-{number + 1}"))
    return runs


def trials_by_depth(planned: Sequence[PlannedRun], settings: StudySettings) -> list[PlannedRun]:
    """The trials for tuning: of each depth once, whatever seeds the study has."""
    alone = {}
    for run in planned:
        overrides = [text for text in run.overrides if text.split("=", 1)[0] != "seed"]
        alone[_value(run, DEPTH)] = PlannedRun(overrides, f"layers-{as_word(_value(run, DEPTH))}")
    return with_trials(list(alone.values()), settings)


def chosen_by_depth(trials: Sequence[Path], metric: str) -> dict[str, dict[str, float]]:
    """By depth (as on a command line) the settings of its best trial by validation `metric`."""
    runs = [read_run(folder) for folder in trials]
    return {
        depth: {
            name: best_trial([run for run in runs if str(run.layers) == depth], metric).config[name]
            for name in SEARCHED.values()
        }
        for depth in dict.fromkeys(str(run.layers) for run in runs)
    }


def tuned(planned: Sequence[PlannedRun], chosen: Mapping[str, Mapping[str, float]]) -> list[PlannedRun]:
    """The runs of the study, each with the settings chosen for its depth."""
    fixed = _names(planned)
    return [
        dataclasses.replace(
            run,
            overrides=[
                *run.overrides,
                *(f"{name}={value!r}" for name, value in chosen[_value(run, DEPTH)].items() if name not in fixed),
            ],
        )
        for run in planned
    ]


def _names(planned: Sequence[PlannedRun]) -> set[str]:
    return {name for run in planned for name in names_of(run.overrides)}


def _value(run: PlannedRun, name: str) -> str:
    """The last value given for `name`; empty where there is none."""
    return next((text.split("=", 1)[1] for text in reversed(run.overrides) if text.split("=", 1)[0] == name), "")
