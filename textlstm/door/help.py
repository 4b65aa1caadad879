"""`--help`: the choices of each group, and every setting with its meaning and default."""

from pathlib import Path
from typing import Any

import yaml
from hydra.utils import get_class
from rich.console import Console
from rich.table import Table

from textlstm.door.settings import EvaluationSettings, RunSettings, describe_type, model_names
from textlstm.model.configuration import StackedLSTMConfig, own_fields
from textlstm.section import Section
from textlstm.training.settings import TrainingSettings

USAGE = {
    "config": (
        "python train.py [group=choice] [setting=value] ...",
        [
            "python train.py model.layers=3",
            "python train.py dataset=files dataset.train=a.csv",
            "python train.py -m model.layers=1,2,3 seed=0,1",
        ],
    ),
    "evaluate": (
        "python evaluate.py checkpoint=RUN [setting=value] ...",
        [
            "python evaluate.py checkpoint=RUN split=validation",
            "python evaluate.py checkpoint=RUN dataset=files dataset.test=b.csv",
        ],
    ),
}


def print_help(folder: Path, config_name: str) -> None:
    """Print usage, groups and settings of the program whose primary configuration is `config_name`."""
    console = Console(soft_wrap=False)
    usage, examples = USAGE[config_name]
    console.print(f"Usage: {usage}\n", highlight=False, markup=False)
    for example in examples:
        console.print(f"  {example}", highlight=False, markup=False)
    groups = [group for group in sorted(folder.iterdir()) if group.is_dir()]
    if config_name == "evaluate":
        groups = [group for group in groups if group.name == "dataset"]
    console.print(_groups_table(groups))
    defaults = yaml.safe_load((folder / f"{config_name}.yaml").read_text())
    section = RunSettings if config_name == "config" else EvaluationSettings
    console.print(_settings_table("Settings of the run", "", section, defaults))
    if config_name == "config":
        console.print(_model_table(folder))
        console.print(
            _settings_table("training", "training.", TrainingSettings, _yaml(folder / "training" / "default.yaml"))
        )
    for group in ("dataset", "tokenizer", "embedding"):
        if (folder / group) in groups:
            for choice in sorted((folder / group).glob("*.yaml")):
                values = _yaml(choice)
                if "_target_" in values:
                    title = f"{group}={choice.stem}"
                    console.print(_settings_table(title, f"{group}.", get_class(values["_target_"]), values))
    console.print(
        "Several values run one after the other: -m setting=a,b,c.  -h, --help: this page.  --hydra-help: Hydra's own options.",
        highlight=False,
        markup=False,
    )


def _yaml(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) or {}


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _groups_table(groups: list[Path]) -> Table:
    table = _table("\nGroups")
    for column in ("group", "choice", "when"):
        table.add_column(column, overflow="fold", no_wrap=column != "when")
    for group in groups:
        for choice in sorted(group.glob("*.yaml")):
            comments = [
                line[1:].strip()
                for line in choice.read_text().splitlines()
                if line.startswith("# ") and "@package" not in line
            ]
            table.add_row(group.name, choice.stem, comments[0] if comments else "")
    return table


def _settings_table(title: str, prefix: str, section: type[Section], defaults: dict[str, Any]) -> Table:
    rows = [
        (prefix + name, describe_type(field.annotation), defaults.get(name, field.default), field.description or "")
        for name, field in section.model_fields.items()
    ]
    return _rows_table(f"\n{title}", rows)


def _model_table(folder: Path) -> Table:
    defaults = _yaml(folder / "model" / "stacked_lstm.yaml")
    fields = {item.name: item for item in own_fields(StackedLSTMConfig)}
    rows = []
    for name in model_names():
        limits = fields[name].metadata
        kind = "|".join(limits["choices"]) if "choices" in limits else describe_type(fields[name].type)
        rows.append(
            (
                f"model.{name}",
                kind,
                defaults.get(name),
                limits["description"] + (" (one value, or a list with one a layer)" if limits.get("per_layer") else ""),
            )
        )
    return _rows_table("\nmodel", rows)


def _rows_table(title: str, rows: list[tuple[str, str, Any, str]]) -> Table:
    table = _table(title)
    for column in ("setting", "type", "default", "meaning"):
        table.add_column(column, overflow="fold", no_wrap=column in ("setting", "default"))
    for name, kind, default, meaning in rows:
        table.add_row(name, kind.replace("[", "\\["), _shown(default), meaning)
    return table


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
