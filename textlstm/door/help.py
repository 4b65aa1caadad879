"""`--help`: the choices of each group, and every setting with its meaning and default."""

from pathlib import Path
from typing import Any

import yaml
from hydra.utils import get_class
from rich.console import Console
from rich.table import Table

from textlstm.diagnostics.matching import MatchSettings, Reference
from textlstm.door.resume import compose_plain
from textlstm.door.settings import EvaluationSettings, RunSettings, StudySettings, describe_type, model_names
from textlstm.model.checking import own_fields
from textlstm.model.configuration import WEIGHT_INITIALIZATIONS, StackedLSTMConfig
from textlstm.section import Section, dotted_fields
from textlstm.study.overfitting import OverfittingThresholds
from textlstm.study.search import SearchSettings
from textlstm.study.summary import JudgingSettings
from textlstm.training.settings import TrainingSettings

USAGE = {
    "config": """Usage: python train.py [group=choice] [setting=value] ...

  python train.py model.layers=3
  python train.py dataset=files dataset.train=a.csv
  python train.py sweep=depth study=NAME            (a study: depths 1 to 4, five seeds; NAME names its folder)
  python train.py sweep=depth study.tuning=per_depth     (each depth with a recipe of its own, found by the same trials)
  python train.py -m model.layers=1,2,3 seed=0,1    (several values: a study of one run for each combination)
""",
    "evaluate": """Usage: python evaluate.py checkpoint=RUN [group=choice] [setting=value] ...

  python evaluate.py checkpoint=RUN split=validation
  python evaluate.py checkpoint=RUN dataset=files dataset.test=b.csv
  python evaluate.py study=runs/NAME                (build the report of a study again from its runs)
  python evaluate.py compare=[RUN_A,RUN_B]          (two checkpoints on the same test texts)
""",
}
Row = tuple[str, Any, str, str]
"""Dotted name, default, meaning, type."""


def print_help(folder: Path, config_name: str) -> None:
    """Print usage, groups and settings of the program whose primary configuration is `config_name`."""
    console = Console(highlight=False)
    console.print(USAGE[config_name], markup=False)
    training = config_name == "config"
    groups = [folder / "dataset"] if not training else sorted(path for path in folder.iterdir() if path.is_dir())
    console.print(_choices_table(groups))
    if training:
        defaults = compose_plain(folder, "config", [])
        _print(console, "The run", _rows("", RunSettings, defaults))
        study = [row for row in _rows("study.", StudySettings, defaults["study"]) if row[0] != "study.search"]
        search = _rows("study.search.", SearchSettings, defaults["study"]["search"])
        _print(console, "A study, with sweep= or -m", [*study, *search])
        _print(console, "The network", _model_rows(defaults["model"]))
        _print(console, "Its width, where depths are compared at equal budget", _match_rows(defaults["model"]))
        _print(console, "Training", _rows("training.", TrainingSettings, defaults["training"]))
    else:
        _print(console, "The evaluation", _rows("", EvaluationSettings, {}))
        judging = compose_plain(folder, config_name, [])["judging"]
        plain = [row for row in _rows("judging.", JudgingSettings, judging) if row[0] != "judging.overfitting"]
        thresholds = _rows("judging.overfitting.", OverfittingThresholds, judging["overfitting"])
        _print(console, "Judging, with study=", [*plain, *thresholds])
    for group in groups:
        for choice in sorted(group.glob("*.yaml")):
            values = yaml.safe_load(choice.read_text())
            if "_target_" in values:
                section = get_class(values["_target_"])
                _print(console, f"With {group.name}={choice.stem}", _dotted_rows(f"{group.name}.", section, values))
    console.print(
        "-h, --help: this page.  --hydra-help: the options of Hydra, which composes the settings.", markup=False
    )


def _rows(prefix: str, section: type[Section], defaults: dict[str, Any]) -> list[Row]:
    return [
        (prefix + name, defaults.get(name, field.default), field.description or "", describe_type(field.annotation))
        for name, field in section.model_fields.items()
    ]


def _dotted_rows(prefix: str, section: type[Section], defaults: dict[str, Any]) -> list[Row]:
    rows = []
    for name, field in dotted_fields(section).items():
        part, _, last = name.rpartition(".")
        values = defaults.get(part, {}) if part else defaults
        rows.append(
            (prefix + name, values.get(last, field.default), field.description or "", describe_type(field.annotation))
        )
    return rows


def _model_rows(defaults: dict[str, Any]) -> list[Row]:
    fields = {item.name: item for item in own_fields(StackedLSTMConfig)}
    rows = []
    for name in model_names():
        if name == "initialization":
            rows += _initialization_rows(defaults[name])
            continue
        limits = fields[name].metadata
        kind = (
            "|".join(limits["choices"]) if "choices" in limits else describe_type(fields[name].type, " for each layer")
        )
        rows.append((f"model.{name}", defaults[name], limits["description"], kind))
    return rows


def _match_rows(defaults: dict[str, Any]) -> list[Row]:
    whole = [row for row in _rows("model.", MatchSettings, defaults) if row[0] == "model.match"]
    return [*whole, *_rows("model.match_to.", Reference, defaults["match_to"])]


def _initialization_rows(defaults: dict[str, Any]) -> list[Row]:
    kinds = {"input": "weights of a layer's input", "recurrent": "weights of its own state"}
    rows: list[Row] = [
        (f"model.initialization.{name}", defaults[name], kinds[name], "|".join(WEIGHT_INITIALIZATIONS))
        for name in kinds
    ]
    bias = "bias of the forget gate, as the sum of both bias vectors (Jozefowicz 2015)"
    chrono = "T: forget biases log U[1, T-1], input biases their negative, for memories of about T steps (Tallec 2018)"
    return [
        *rows,
        ("model.initialization.forget_bias", defaults["forget_bias"], bias, "number"),
        ("model.initialization.chrono", defaults["chrono"], chrono, "integer|null"),
    ]


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _choices_table(groups: list[Path]) -> Table:
    table = _table("Groups")
    for group in groups:
        for choice in sorted(group.glob("*.yaml")):
            lines = choice.read_text().splitlines()
            when = next(line[2:] for line in lines if line.startswith("# ") and "@package" not in line)
            table.add_row(f"{group.name}={choice.stem}", when.replace("[", "\\["))
    return table


def _print(console: Console, title: str, rows: list[Row]) -> None:
    table = _table(f"\n{title} (setting=default)")
    for name, default, meaning, kind in rows:
        table.add_row(f"{name}={_shown(default)}", f"{meaning} ({kind})".replace("[", "\\["))
    console.print(table)


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
