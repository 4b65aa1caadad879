"""What is swept: settings with several values, in Hydra's grammar, and the runs that they make.

Values come from the command line (`seed=0,1`, `seed=range(5)`, `embedding=glob(*)`) and from a file of
`conf/sweep/`, whose lines are such overrides; the command line wins.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException

from textlstm.errors import UserError

LONGEST_VALUE = 32


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study. overrides: what a run alone would be started with. label: names it, without a hash."""

    overrides: list[str]
    label: str


def parse(override: str) -> Override:
    """Hydra's own reading of one override."""
    return OverridesParser.create().parse_override(override)


def values_of(override: Override, choices: Sequence[str] = ()) -> list[str]:
    """The values of an override, as they would be given one at a time; `choices` are those of a group."""
    value = override.value()
    if isinstance(value, Glob):
        return list(value.filter(list(choices)))
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    if override.is_interval_sweep():
        raise UserError(
            f"{override.input_line} is a range without steps.\nA study needs values: {override.get_key_element()}=1,2,3 or range(1,4)."
        )
    return list(override.sweep_string_iterator())


def group_values(group: str, value: str, choices: Sequence[str]) -> list[str]:
    """The choices of a group that are meant by `value`."""
    try:
        return values_of(parse(f"{group}={value}"), choices)
    except HydraException:
        return value.split(",")


def plan_runs(folder: Path, overrides: Sequence[str]) -> list[PlannedRun]:
    """A run for each combination; `folder` is `conf/`. What is fixed stands in every run's overrides."""
    given = {override.split("=", 1)[0]: parse(override) for override in overrides}
    axes = _axes_of_file(folder, given.pop("sweep").get_value_element_as_str()) if "sweep" in given else {}
    axes = {name: values for name, values in axes.items() if not of_the_study(name)}
    fixed = []
    for name, override in given.items():
        if override.is_sweep_override() or name in axes:
            axes[name] = values_of(override, sorted(path.stem for path in (folder / name).glob("*.yaml")))
        elif not of_the_study(name):
            fixed.append(f"{name}={override.get_value_element_as_str()}")
    for name, values in axes.items():
        if name == "output_dir" or of_the_study(name):
            raise UserError(f"{name}={','.join(values)} gives several values.\nA study has one {name}.")
        if not values:
            raise UserError(f"{given[name].input_line} fits no choice.\nSee --help for those of {name}.")
    short = _short_names(list(axes))
    runs = {}
    for combination in itertools.product(*axes.values()):
        pairs = list(zip(axes, combination, strict=True))
        label = "_".join(f"{short[name]}-{as_word(value)}" for name, value in pairs) or "run"
        run = PlannedRun([*fixed, *(f"{name}={value}" for name, value in pairs)], label)
        runs[tuple(run.overrides)] = run
    return list(runs.values())


def study_overrides(folder: Path, overrides: Sequence[str]) -> list[str]:
    """What is said of the study itself, by the file of a sweep and by the command line, which wins."""
    given = dict(override.split("=", 1) for override in overrides)
    of_file = _lines_of_file(folder, given.pop("sweep")) if "sweep" in given else {}
    return [f"{name}={value}" for name, value in ({**of_file, **given}).items() if of_the_study(name)]


def of_the_study(name: str) -> bool:
    """Whether a setting says how the study is carried out, and nothing of a run."""
    return name in ("resume", "explain", "debug", "sweep") or name.startswith("study.")


def swept_names(folder: Path, overrides: Sequence[str]) -> list[str]:
    """Dotted names of what is swept, in order."""
    given = {override.split("=", 1)[0]: parse(override) for override in overrides}
    of_file = list(_axes_of_file(folder, given["sweep"].get_value_element_as_str())) if "sweep" in given else []
    return list(
        dict.fromkeys(
            [
                *(name for name in of_file if not of_the_study(name)),
                *(name for name, value in given.items() if value.is_sweep_override()),
            ]
        )
    )


def as_word(text: str) -> str:
    """A value in `[A-Za-z0-9._-]`, so that a folder named after it needs no quotes; its end, where it is long."""
    minus = "-" if re.match(r"-\d", text) else ""
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("+", "")).strip("-._")  # 1e+30 is not 1e-30
    return minus + word[-LONGEST_VALUE:].strip("-._") if word else "x"


def _axes_of_file(folder: Path, sweep: str) -> dict[str, list[str]]:
    return {name: values_of(parse(f"{name}={text}")) for name, text in _lines_of_file(folder, sweep).items()}


def _lines_of_file(folder: Path, sweep: str) -> dict[str, str]:
    return yaml.safe_load((folder / "sweep" / f"{sweep}.yaml").read_text())  # type: ignore[no-any-return]


def _short_names(names: list[str]) -> dict[str, str]:
    """The last part of each dotted name, or all of it where two would be alike."""
    last = [name.rsplit(".", 1)[-1] for name in names]
    return {name: end if last.count(end) == 1 else name for name, end in zip(names, last, strict=True)}
