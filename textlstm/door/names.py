"""Which names a command line may set, and the nearest of them to one that it may not."""

import difflib
from functools import cached_property
from pathlib import Path

import yaml
from hydra.utils import get_class

from textlstm.diagnostics.matching import Reference
from textlstm.door.settings import EvaluationSettings, RunSettings, StudySettings, model_names
from textlstm.door.sweep import group_values
from textlstm.errors import UserError
from textlstm.model.configuration import INITIALIZATION
from textlstm.section import Section, dotted_fields
from textlstm.study.overfitting import OverfittingThresholds
from textlstm.study.search import SearchSettings
from textlstm.study.summary import JudgingSettings
from textlstm.training.settings import TrainingSettings

ALIASES = {
    "lr": "learning_rate",
    "num_layers": "layers",
    "n_layers": "layers",
    "depth": "layers",
    "hidden_dim": "hidden_size",
    "num_epochs": "epochs",
    "max_len": "max_length",
    "vocab_size": "vocabulary_size",
    "embedding_dim": "embedding_size",
    "l2": "weight_decay",
    "clip": "max_grad_norm",
}
"""Names that other programs use -> ours."""


class Names:
    """The groups, choices and settings of one program, for the choices made on a command line."""

    def __init__(self, folder: Path, config_name: str, given: dict[str, str]) -> None:
        self.folder, self.config_name = folder, config_name
        self.groups = (
            ["dataset"] if config_name == "evaluate" else sorted(p.name for p in folder.iterdir() if p.is_dir())
        )
        self.chosen = self._defaults() | {
            name: group_values(name, value, self.choices(name)) for name, value in given.items() if name in self.groups
        }

    def choices(self, group: str) -> list[str]:
        """The choices of a group."""
        return sorted(path.stem for path in (self.folder / group).glob("*.yaml"))

    def check(self, name: str, value: str) -> None:
        """Raise `UserError` for a name that is no setting, and for a choice that a group does not have."""
        if name in self.groups:
            self._check_choice(name, value)
        elif name not in self.settings:
            raise UserError(self._unknown(name))
        elif value == "":
            raise UserError(f"{name} is empty.\nGive a value, or null where none is meant.")

    def _check_choice(self, group: str, value: str) -> None:
        allowed = self.choices(group)
        for choice in group_values(group, value, allowed):
            if choice not in allowed:
                given = f"{group}={choice} is not known." if choice else f"{group} is empty."
                raise UserError(
                    f"{given}{near_hint(choice, allowed, prefix=f'{group}=')}\nAllowed: {', '.join(allowed)}."
                )

    @cached_property
    def settings(self) -> list[str]:
        """Dotted names of all settings, for the chosen choices."""
        names = list((EvaluationSettings if self.config_name == "evaluate" else RunSettings).model_fields)
        if self.config_name == "evaluate":
            names += [f"judging.{name}" for name in JudgingSettings.model_fields if name != "overfitting"]
            names += [f"judging.overfitting.{name}" for name in OverfittingThresholds.model_fields]
        if self.config_name == "config":
            names += [f"study.{name}" for name in StudySettings.model_fields if name != "search"]
            names += [f"study.search.{name}" for name in SearchSettings.model_fields]
        for group, choices in self.chosen.items():
            for choice in choices:
                names += [f"{group}.{name}" for name in self._fields(group, choice)]
        return list(dict.fromkeys(names))

    def _unknown(self, name: str) -> str:
        group, _, field = name.partition(".")
        owners = (
            [choice for choice in self.choices(group) if field in self._fields(group, choice)]
            if group in self.groups
            else []
        )
        if owners:
            return f"'{name}' is a setting of {group}={'|'.join(owners)}, not of {group}={','.join(self.chosen.get(group, ['(none)']))}.\nChoose it too, or leave it out."
        hint = near_hint(name, [*self.settings, *self.groups])
        program = "train.py" if self.config_name == "config" else "evaluate.py"
        return f"'{name}' is not a setting.{hint}\nAll settings: python {program} --help"

    def _fields(self, group: str, choice: str) -> list[str]:
        """The names of the settings of one choice."""
        if group == "model":
            own = [*model_names(), *(f"initialization.{name}" for name in INITIALIZATION)]
            return [*own, "match", *(f"match_to.{name}" for name in Reference.model_fields)]
        if group == "training":
            return list(TrainingSettings.model_fields)
        section = self._section(group, choice)
        return list(dotted_fields(section)) if section else []

    def _section(self, group: str, choice: str) -> type[Section] | None:
        path = self.folder / group / f"{choice}.yaml"
        if not path.is_file():
            return None
        values = yaml.safe_load(path.read_text()) or {}
        if "_target_" in values:
            return get_class(values["_target_"])
        bases = [base for base in values.get("defaults", []) if isinstance(base, str) and base != "_self_"]
        return self._section(group, bases[0]) if bases else None

    def _defaults(self) -> dict[str, list[str]]:
        listed = yaml.safe_load((self.folder / f"{self.config_name}.yaml").read_text())["defaults"]
        pairs = [next(iter(item.items())) for item in listed if isinstance(item, dict)]
        return {group: [choice] for group, choice in pairs if choice and not group.startswith("override ")}


def near_hint(name: str, known: list[str], prefix: str = "") -> str:
    """' Did you mean ...?' with the nearest known name, or nothing."""
    last = name.rsplit(".", 1)[-1]
    alias = ALIASES.get(last)
    last_parts = {other.rsplit(".", 1)[-1]: other for other in reversed(known)}
    if alias in last_parts:
        near: list[str] = [last_parts[alias]]
    else:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        if not near:  # perhaps the right name in another section, or only its end is right
            near = [last_parts[found] for found in difflib.get_close_matches(last, list(last_parts), n=1, cutoff=0.7)]
    return f" Did you mean '{prefix}{near[0]}'?" if near else ""
