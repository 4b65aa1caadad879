"""The runs of a study, composed and checked: before anything starts it is known which can be carried out.

A run's folder is named by what was swept and by a hash of its configuration and of its data, so
that the same command finds it again, and another configuration or changed data never do.
"""

import copy
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from textlstm.data.load import LoadedData, load_data
from textlstm.door.arguments import names_of
from textlstm.door.messages import in_words, translate
from textlstm.door.prepared import data_key
from textlstm.door.program import check_machine
from textlstm.door.resume import flatten
from textlstm.door.settings import TrainSettings, check_train
from textlstm.door.sweep import PlannedRun, parse
from textlstm.errors import UserError

HOW = ("output_dir", "resume", "explain", "debug", "training.threads", "training.device")
"""Settings that say where and how a run is carried out, and not which run it is (unless they are swept)."""

HASH_LENGTH = 6


@dataclass
class StudyRun:
    """One run of the plan.

    overrides: what `python train.py` would need to make the same run alone. settings: None where
    they are wrong. folder: its name, empty until its data are known. error: why it cannot be
    carried out, or did not come to its end.
    """

    label: str
    overrides: list[str]
    config: dict[str, Any] = field(default_factory=dict)
    settings: TrainSettings | None = None
    folder: str = ""
    error: str | None = None

    @property
    def name(self) -> str:
        """Of its folder; what was swept where it has none."""
        return self.folder or self.label


@dataclass
class StudyPlan:
    """The runs, no two alike, and the data that they read, by `data_key`."""

    runs: list[StudyRun]
    data: dict[str, LoadedData]

    @property
    def valid(self) -> list[StudyRun]:
        """Runs that can be carried out."""
        return [run for run in self.runs if run.error is None]


def make_plan(conf: Path, planned: Sequence[PlannedRun], swept: Collection[str]) -> StudyPlan:
    """Compose and check every run, and read the data of those whose settings are right.

    Raises `UserError` for `training.patience`, and where every run fails for the same reason.
    """
    runs = list(_composed(conf, planned))
    if any(run.settings is not None and run.settings.training.patience is not None for run in runs):
        raise UserError(
            "training.patience would end the runs of a study after different numbers of updates.\n"
            "Leave it out: every run goes to its end, and both the best and the last epoch are reported."
        )
    found: dict[str, LoadedData | str] = {}
    for run in runs:
        if run.settings is not None:
            data = _data_of(run.settings, found)
            if isinstance(data, str):
                run.error = data
            else:
                run.folder = f"{run.label}_{identity(run.settings, run.config, swept, data.fingerprint)}"
    errors = {run.error for run in runs}
    if len(errors) == 1 and None not in errors:
        raise UserError(str(errors.pop()))
    # Two spellings of one value, such as 1 and 1.0, are one run.
    distinct = {run.folder.rsplit("_", 1)[-1] or " ".join(run.overrides): run for run in reversed(runs)}
    return StudyPlan(
        list(reversed(distinct.values())), {key: data for key, data in found.items() if isinstance(data, LoadedData)}
    )


def identity(settings: TrainSettings, config: dict[str, Any], swept: Collection[str], fingerprint: str) -> str:
    """Six hexadecimal digits that are equal for equal runs: of what they are, and of their data."""
    text = json.dumps([fingerprint, what_it_is(settings, config, swept)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def what_it_is(settings: TrainSettings, config: dict[str, Any], swept: Collection[str]) -> dict[str, Any]:
    """All settings of a run by their dotted names, but those of `HOW`."""
    kinds = {name: value for name, value in flatten(config).items() if name.endswith("_target_")}
    values = {name: value for name, value in flatten(settings.config).items() if name not in HOW or name in swept}
    if settings.match.match is not None:
        # The hidden size that was found is no other run than the request to find it.
        reference = values["model.match_to.hidden_size"] or values["model.hidden_size"]
        values |= {"model.hidden_size": None, "model.match_to.hidden_size": reference}
    return {name: _plain(value) for name, value in (kinds | values).items()}


def _composed(conf: Path, planned: Sequence[PlannedRun]) -> Iterator[StudyRun]:
    bases: dict[tuple[str, ...], DictConfig] = {}
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base=None, config_dir=str(conf)):
        for item in planned:
            # Runs stand beside each other on the cores; what the user says of threads wins.
            threads = [] if "training.threads" in names_of(item.overrides) else ["training.threads=1"]
            run = StudyRun(item.label, [*item.overrides, *threads])
            try:
                run.config = _compose(conf, run.overrides, bases)
                run.settings = check_train(run.config, names_of(run.overrides))
                check_machine(run.settings.training)
            except UserError as error:
                run.settings, run.error = None, str(error)
            except (HydraException, OmegaConfBaseException) as error:
                run.error = str(translate(error))
            yield run


def _compose(conf: Path, overrides: Sequence[str], bases: dict[tuple[str, ...], DictConfig]) -> dict[str, Any]:
    """As Hydra composes `overrides`, whose choices it takes a fifth of a second for: `bases` keeps what they give."""
    given = [parse(override) for override in overrides]
    choices = tuple(text for text, item in zip(overrides, given, strict=True) if (conf / item.key_or_group).is_dir())
    if choices not in bases:
        bases[choices] = compose("config", overrides=list(choices))
    config = copy.deepcopy(bases[choices])
    for text, item in zip(overrides, given, strict=True):
        if text in choices:
            continue
        try:
            OmegaConf.update(config, item.key_or_group, item.value(), merge=True)
        except (ConfigAttributeError, ConfigKeyError) as error:
            raise UserError(
                f"{text}: there is no such setting with {', '.join(choices)}.\nLeave it out, or make a study of each."
            ) from error
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def _data_of(settings: TrainSettings, found: dict[str, LoadedData | str]) -> LoadedData | str:
    """The data, read once; or what is wrong with them."""
    key = data_key(settings)
    if key not in found:
        try:
            found[key] = load_data(settings.dataset)
        except UserError as error:
            found[key] = str(error)
        except OSError as error:
            found[key] = str(in_words(error, "config"))
    return found[key]


def _plain(value: Any) -> Any:
    """With 1.0 as 1: how a number was written does not make another run."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
