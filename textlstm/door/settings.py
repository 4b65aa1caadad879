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
from textlstm.data.tokenizers.source import TokenizerSource
from textlstm.diagnostics.matching import MatchSettings
from textlstm.door.contract import check_across, check_encoder, check_extra_words, check_match
from textlstm.embeddings.source import EmbeddingSource
from textlstm.errors import UserError
from textlstm.model.checking import own_fields
from textlstm.model.configuration import StackedLSTMConfig
from textlstm.section import Section
from textlstm.study.search import SearchSettings
from textlstm.study.summary import JudgingSettings
from textlstm.training.settings import TrainingSettings

FROM_DATA = ("vocab_size", "embedding_size", "pad_token_id", "unk_token_id", "encoder")
"""Fields of the network that the data decide; the rest are settings `model.*`."""

MOST_PROBLEMS = 3


class RunSettings(Section):
    """Settings of the run as a whole."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of weights, dropout and batch order; never of the split")
    output_dir: str = Field("runs", min_length=1, description="folder below which runs are written")
    regularization: str | None = Field(
        None, description="preset of rates, by its name; single rates given beside it win over its own"
    )
    baseline: Literal["linear", "none"] = Field(
        "linear",
        description="simple classifiers to stand beside the network: a linear one on words, and one on the vectors of a pretrained encoder",
    )
    resume: str | None = Field(None, description="folder of an interrupted run to go on with")
    explain: bool = Field(False, description="train nothing; print what every setting comes to at each layer")
    debug: bool = Field(False, description="show the traceback of an error")


class StudySettings(Section):
    """Settings of a study: of many runs as one; none of them changes what a single run gives."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        description="folder of the study below output_dir, in letters, digits, _ . and -; for short: study=NAME; null makes a name of the data set and of what is swept",
    )
    trials: int | None = Field(
        None,
        ge=2,
        description="random settings (study.search) that are tried at each depth, the same at every one: instead of one recipe, or with tuning=per_depth before the study (null: 12)",
    )
    tuning: Literal["none", "per_depth"] = Field(
        "none",
        description="none: one recipe for all depths; per_depth: each depth gets the best of its trials by validation, and is judged with fresh seeds",
    )
    search: SearchSettings = Field(SearchSettings(), description="ranges of the random settings")
    workers: int | None = Field(
        None,
        ge=0,
        description="runs that are trained at the same time, one thread each unless training.threads says otherwise; null takes the cores (1 where a GPU trains); 0 trains in this process and shows each run's own lines",
    )


class EvaluationSettings(Section):
    """Settings of `evaluate.py`."""

    checkpoint: str | None = Field(None, description="folder of a run, or its model/ folder")
    study: str | list[str] | None = Field(
        None,
        description="instead of a checkpoint: folder of a study, whose report is built again from its runs; or a list",
    )
    compare: list[str] | None = Field(
        None, min_length=2, max_length=2, description="instead of a checkpoint: [RUN_A,RUN_B], an exact McNemar test"
    )
    split: Literal["train", "validation", "test"] = Field("test", description="split that is scored")
    threads: int | None = Field(None, ge=1, description="CPU threads; null takes the run's own number")
    debug: bool = Field(False, description="show the traceback of an error")


@dataclass(frozen=True)
class TrainSettings:
    """All settings of `train.py`, checked."""

    dataset: DatasetSource
    tokenizer: TokenizerSource
    embedding: EmbeddingSource
    model: dict[str, Any]
    match: MatchSettings
    training: TrainingSettings
    run: RunSettings
    study: StudySettings
    config: dict[str, Any]


@dataclass(frozen=True)
class EvaluateSettings:
    """All settings of `evaluate.py`, checked; `dataset` is None for the run's own."""

    evaluation: EvaluationSettings
    judging: JudgingSettings
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
    known = (*SECTIONS, *OF_STUDIES)
    run = _check(RunSettings, top | {name: v for name, v in sections.items() if name not in known}, "", problems, known)
    checked = {
        name: _check_section(name, sections.get(name), problems)
        for name in ("dataset", "tokenizer", "embedding", "training")
    }
    study = _check(StudySettings, sections.get("study", {}), "study", problems)
    match = _check(MatchSettings, _of_matching(sections.get("model", {})), "model", problems)
    model = check_model(sections.get("model", {}), problems)
    raise_problems(problems)
    check_across(model, checked["training"], trainable=checked["embedding"].trainable, explicit=explicit)
    check_encoder(checked["tokenizer"], checked["embedding"], checked["training"], explicit)
    check_extra_words(checked["tokenizer"], explicit)
    check_match(model, match, explicit)
    # A run knows nothing of the study that it is part of: alone it is the same run.
    own = {name: value for name, value in config.items() if name not in OF_STUDIES}
    return TrainSettings(model=model, match=match, run=run, study=study, config=without_targets(own), **checked)  # type: ignore[arg-type]


def check_evaluate(config: dict[str, Any], explicit: set[str] = frozenset()) -> EvaluateSettings:  # type: ignore[assignment]
    """As `check_train`, for `evaluate.py`."""
    raise_problems(_empty_values(config))
    problems: list[str] = []
    dataset = config.get("dataset")
    source = _check_section("dataset", dataset, problems) if dataset else None
    top = {name: value for name, value in config.items() if name not in ("dataset", "judging")}
    evaluation = _check(EvaluationSettings, top, "", problems, ("dataset", "judging"))
    judging = _check(JudgingSettings, config.get("judging") or {}, "judging", problems)
    raise_problems(problems)
    _check_one_task(evaluation, source, explicit)
    return EvaluateSettings(evaluation, judging, source)  # type: ignore[arg-type]


def _check_one_task(
    evaluation: EvaluationSettings, source: DatasetSource | None, explicit: set[str] | frozenset[str]
) -> None:
    tasks = {name: getattr(evaluation, name) for name in ("checkpoint", "study", "compare")}
    given = [name for name, value in tasks.items() if value]
    if len(given) > 1:
        raise UserError(
            f"{' and '.join(f'{name}=' for name in given)} are given, but evaluate.py does one thing at a time.\nLeave one of them out."
        )
    judging = next((name for name in sorted(explicit) if name.startswith("judging.")), None)
    if judging and given != ["study"]:
        raise UserError(f"{judging} is about a study.\nGive it: study=runs/NAME, or leave {judging} out.")
    if given in (["study"], ["compare"]):
        other = "dataset" if source else next((name for name in ("split", "threads") if name in explicit), None)
        if other:
            raise UserError(
                f"{other} has no effect with {given[0]}=: finished runs are read, and none is scored again.\nLeave it out."
            )


SECTIONS = ("dataset", "tokenizer", "embedding", "model", "training")
OF_STUDIES = ("study", "sweep")
"""What says how many runs there are and how they are carried out, and nothing of any single one."""


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
    """Check `model.*` by building the network's configuration once; what chooses its width is left out."""
    known = model_names()
    values = {name: value for name, value in values.items() if name not in MatchSettings.model_fields}
    for name in values:
        if name not in known:
            problems.append(unknown_setting(f"model.{name}", [f"model.{other}" for other in known]))
    try:
        StackedLSTMConfig(**{name: value for name, value in values.items() if name in known})
    except ValueError as error:
        problems.append(f"model.{error}")
    return values


def _of_matching(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in MatchSettings.model_fields if name in values}


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


def describe_type(annotation: Any, several: str = ", ...") -> str:
    """A field's type in words; `several` says what a list holds more."""
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if get_origin(annotation) is list:
        return "[" + describe_type(get_args(annotation)[0]) + several + "]"
    if isinstance(annotation, types.UnionType):
        parts = [part for part in get_args(annotation) if not (part is int and float in get_args(annotation))]
        return "|".join(describe_type(part, several) for part in parts)
    return {type(None): "null", str: "text", int: "integer", float: "number", bool: "true|false"}.get(
        annotation, "text"
    )
