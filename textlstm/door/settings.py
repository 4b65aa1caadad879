"""From a composed configuration to checked, typed settings.

Every section's class names its settings; whatever is unknown, of a wrong type or out of range is
reported, all of it at once, before anything starts.
"""

import difflib
import types
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from hydra.utils import get_class
from pydantic import Field, ValidationError

from textlstm.data.source import DatasetSource
from textlstm.data.words import WordsTokenizer
from textlstm.door.contract import check_across
from textlstm.embeddings.source import EmbeddingSource
from textlstm.errors import UserError
from textlstm.model.checking import own_fields
from textlstm.model.configuration import StackedLSTMConfig
from textlstm.section import Section
from textlstm.training.settings import TrainingSettings

FROM_DATA = ("vocab_size", "embedding_size", "pad_token_id", "unk_token_id")
"""Fields of the network that the data decide; the rest are settings `model.*`."""

MOST_PROBLEMS = 3


class RunSettings(Section):
    """Settings of the run as a whole."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of weights, dropout and batch order; never of the split")
    output_dir: str = Field("runs", min_length=1, description="folder below which runs are written")
    baseline: Literal["linear", "none"] = Field("linear", description="simple classifier to stand beside the network")
    resume: str | None = Field(None, description="folder of an interrupted run to go on with")
    explain: bool = Field(False, description="train nothing; print what every setting comes to at each layer")
    debug: bool = Field(False, description="show the traceback of an error")


class EvaluationSettings(Section):
    """Settings of `evaluate.py`."""

    checkpoint: str | None = Field(None, description="folder of a run, or its model/ folder")
    split: Literal["train", "validation", "test"] = Field("test", description="split that is scored")
    threads: int | None = Field(None, ge=1, description="CPU threads; null takes the run's own number")
    debug: bool = Field(False, description="show the traceback of an error")


@dataclass(frozen=True)
class TrainSettings:
    """All settings of `train.py`, checked."""

    dataset: DatasetSource
    tokenizer: WordsTokenizer
    embedding: EmbeddingSource
    model: dict[str, Any]
    training: TrainingSettings
    run: RunSettings
    config: dict[str, Any]


@dataclass(frozen=True)
class EvaluateSettings:
    """All settings of `evaluate.py`, checked; `dataset` is None for the run's own."""

    evaluation: EvaluationSettings
    dataset: DatasetSource | None


def check_train(config: dict[str, Any], explicit: set[str] = frozenset()) -> TrainSettings:  # type: ignore[assignment]
    """Check everything in `config`; `explicit` are the dotted names that the user gave.

    Raises `UserError` naming up to three problems, a line each.
    """
    if "training.epochs" in explicit and "training.max_steps" not in explicit:
        # The user's own number of epochs wins over a preset's number of updates.
        config = config | {"training": config["training"] | {"max_steps": None}}
    raise_problems(_empty_values(config))
    problems: list[str] = []
    top = {name: value for name, value in config.items() if not isinstance(value, dict)}
    sections = {name: value for name, value in config.items() if isinstance(value, dict)}
    run = _check(
        RunSettings, top | {name: v for name, v in sections.items() if name not in SECTIONS}, "", problems, SECTIONS
    )
    checked = {
        name: _check_section(name, sections.get(name), problems)
        for name in ("dataset", "tokenizer", "embedding", "training")
    }
    model = check_model(sections.get("model", {}), problems)
    raise_problems(problems)
    check_across(model, checked["training"], trainable=checked["embedding"].trainable, explicit=explicit)
    return TrainSettings(model=model, run=run, config=without_targets(config), **checked)  # type: ignore[arg-type]


def check_evaluate(config: dict[str, Any], explicit: set[str] = frozenset()) -> EvaluateSettings:  # type: ignore[assignment]
    """As `check_train`, for `evaluate.py`."""
    raise_problems(_empty_values(config))
    problems: list[str] = []
    dataset = config.get("dataset")
    source = _check_section("dataset", dataset, problems) if dataset else None
    top = {name: value for name, value in config.items() if name != "dataset"}
    evaluation = _check(EvaluationSettings, top, "", problems, ("dataset",))
    raise_problems(problems)
    return EvaluateSettings(evaluation, source)  # type: ignore[arg-type]


SECTIONS = ("dataset", "tokenizer", "embedding", "model", "training")


def stored_dataset(config: dict[str, Any]) -> DatasetSource:
    """The data set of a stored configuration."""
    problems: list[str] = []
    source = _check_section("dataset", config["dataset"], problems)
    raise_problems(problems)
    return source  # type: ignore[no-any-return]


def _check_section(name: str, values: Any, problems: list[str]) -> Any:
    if not isinstance(values, dict):
        problems.append(f"{name} is empty. Choose one: {name}=NAME (see --help).")
        return None
    if name != "training" and "_target_" not in values:
        problems.append(f"{name} has settings but no kind. Choose one first: {name}=NAME (see --help).")
        return None
    section = TrainingSettings if name == "training" else get_class(values["_target_"])
    plain = {key: value for key, value in values.items() if key != "_target_"}
    return _check(section, plain, name, problems)


def _check(section: type[Section], values: dict[str, Any], prefix: str, problems: list[str], also: Any = ()) -> Any:
    try:
        return section.model_validate(values)
    except ValidationError as error:
        known = [*section.model_fields, *also]
        for item in error.errors():
            problems.append(_problem(item, prefix, known))
        return None


def _problem(item: Any, prefix: str, known: list[str]) -> str:
    name = ".".join([prefix] * bool(prefix) + [str(part) for part in item["loc"]])
    if item["type"] == "extra_forbidden":
        return unknown_setting(name, [".".join([prefix] * bool(prefix) + [other]) for other in known])
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "string_pattern_mismatch":
        return f"{name}={_shown(item['input'])} is not allowed. It takes letters, digits, _ . and -."
    message = item["msg"].replace("Input should be", "It should be").replace("String should", "It should")
    return f"{name}={_shown(item['input'])} is not allowed. {message}."


def unknown_setting(name: str, known: list[str]) -> str:
    """The message for a setting that does not exist, with the nearest that does."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"'{name}' is not a setting." + (f" Did you mean '{near[0]}'?" if near else "")


def check_model(values: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """Check `model.*` by building the network's configuration once."""
    known = model_names()
    for name in values:
        if name not in known:
            problems.append(unknown_setting(f"model.{name}", [f"model.{other}" for other in known]))
    try:
        StackedLSTMConfig(**{name: value for name, value in values.items() if name in known})
    except ValueError as error:
        problems.append(f"model.{error}")
    return values


def model_names() -> list[str]:
    """Names of the settings `model.*`."""
    return [item.name for item in own_fields(StackedLSTMConfig) if item.name not in FROM_DATA]


def raise_problems(problems: list[str]) -> None:
    """One line a problem, three at most."""
    if problems:
        shown = problems[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            shown = [*problems[: MOST_PROBLEMS - 1], f"... and {len(problems) - MOST_PROBLEMS + 1} more problems"]
        raise UserError("\n".join(shown))


def _empty_values(config: dict[str, Any], prefix: str = "") -> list[str]:
    problems = []
    for name, value in config.items():
        if isinstance(value, dict):
            problems += _empty_values(value, f"{prefix}{name}.")
        elif value == "":
            problems.append(f"{prefix}{name} is empty. Give a value, or null where none is meant.")
    return problems


def without_targets(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as users know it, without class names."""
    return {
        name: without_targets(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if name != "_target_"
    }


def _shown(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else "null" if value is None else str(value)


def describe_type(annotation: Any) -> str:
    """A field's type in words."""
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if get_origin(annotation) is list:
        return "[" + describe_type(get_args(annotation)[0]) + " for each layer]"
    if isinstance(annotation, types.UnionType):
        parts = [part for part in get_args(annotation) if not (part is int and float in get_args(annotation))]
        return "|".join(describe_type(part) for part in parts)
    return {type(None): "null", str: "text", int: "integer", float: "number", bool: "true|false"}.get(
        annotation, "text"
    )
