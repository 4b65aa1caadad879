"""A study's answer in words, the same in the terminal and on the page.

A study compares values of one setting, its factor. Where that is `model.layers`, the words are of
layers; for every other factor they are of values. Each entry of `study["depths"]` is called a level.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from textlstm.reports.wording import (
    NONE,
    duration,
    has_several_labels,
    metric_name,
    middle_cut,
    percent,
    setting,
    signed,
    whole,
)

DEPTH = "model.layers"
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")

FEWEST_SEEDS = 5
"""From how many on a study makes claims."""

VERDICTS = {
    "none": "no",
    "mild": "mildly",
    "strong": "strongly",
    "overconfident": "overconfident",
    "unknown": "unknown",
}
"""The verdict as an answer to "does it overfit?"."""

EXPLANATIONS = {
    "none": "at the end of training validation is about as good as at its best",
    "mild": "training to the end costs a little on validation",
    "strong": "training to the end costs much on validation",
    "overconfident": "validation loss rises while accuracy holds: the probabilities suffer, the answers do not",
    "unknown": "the runs do not hold the numbers that it takes",
}
"""What stands beside the verdict where a level has no sentence of its own."""

BASELINES = {"baseline": "linear", "encoder_baseline": "encoder"}
"""By their names in `study.json`."""

SENSITIVITY = {
    "harder": "Depth makes tuning harder",
    "easier": "Depth makes tuning easier",
    "undecided": "Depth and tuning: undecided",
}
"""The answer of a study that tries settings at random."""


def is_depth(study: Mapping[str, Any]) -> bool:
    """Whether the study's factor is the number of layers."""
    return (study.get("factor") or DEPTH) == DEPTH


def noun(study: Mapping[str, Any]) -> str:
    """What a level is a value of: `layers`, or the last part of the setting's name that tells what it is."""
    if is_depth(study):
        return "layers"
    return str(study["factor"]).removesuffix(".name").rpartition(".")[2].replace("_", " ")


def value_of(level: Mapping[str, Any]) -> Any:
    """The factor's value at a level."""
    return level["value"] if "value" in level else level.get("layers")


def level_name(study: Mapping[str, Any], value: Any, longest: int = 32) -> str:
    """`2 layers`, or the value as one would type it, long ones without their middle."""
    if not is_depth(study):
        return middle_cut(setting(value), longest)
    return f"{setting(value)} {'layer' if value == 1 else 'layers'}"


def name_all(study: Mapping[str, Any], values: Sequence[Any]) -> str:
    """`1, 2 and 4 layers`, or the values of another factor."""
    names = [setting(value) if is_depth(study) else level_name(study, value) for value in values]
    text = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    if not is_depth(study):
        return text
    return f"{text} {'layer' if list(values) == [1] else 'layers'}"


def answer_level(study: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The level that the study recommends; None where it is undecided."""
    recommendation = study.get("recommendation") or {}
    if recommendation.get("answer") not in ("depth", "equivalent"):
        return None
    value = recommendation.get("value", recommendation.get("layers"))
    found = next((level for level in study["depths"] if value_of(level) == value), None)
    # Equivalent ones leave the first.
    return study["depths"][0] if found is None and recommendation["answer"] == "equivalent" else found


def headline(study: Mapping[str, Any]) -> str:
    """The answer in a few words: `Two layers`, `One layer: deeper ones are no better`, `Undecided`."""
    tried = study.get("sensitivity") if is_about_settings(study) else None
    if tried:
        return SENSITIVITY[(tried.get("answer") or {}).get("verdict", "undecided")]
    level = answer_level(study)
    return "Undecided" if level is None else name_answer(study, study["recommendation"]["answer"], value_of(level))


def name_answer(study: Mapping[str, Any], answer: str, value: Any) -> str:
    """An answer, `depth` or `equivalent`, in a few words."""
    if not is_depth(study):
        name = f"{noun(study).capitalize()}: {level_name(study, value)}"
        others = "the others are no better"
    else:
        count = NUMBERS[value] if isinstance(value, int) and 0 <= value < len(NUMBERS) else setting(value)
        name = f"{count} {'layer' if value == 1 else 'layers'}"
        others = "deeper ones are no better"
    if answer == "depth":
        return name
    return f"{name}; {others}" if ":" in name else f"{name}: {others}"


def is_about_settings(study: Mapping[str, Any]) -> bool:
    """Whether the runs of each depth are trials of settings drawn at random, not seeds of one recipe."""
    return bool(study.get("sensitivity")) and tuning_of(study).get("mode", "none") == "none"


def tuning_of(study: Mapping[str, Any]) -> Mapping[str, Any]:
    """How each level got its recipe; empty where that is not said."""
    return study.get("tuning") or {}


def verdict_of(level: Mapping[str, Any]) -> str:
    """The overfitting verdict of a level, `unknown` where there is none."""
    verdict = (level.get("overfitting") or {}).get("verdict")
    return verdict if verdict in VERDICTS else "unknown"


def describe_overfitting(study: Mapping[str, Any]) -> tuple[str, str]:
    """Whether the recommended level overfits (else: whether any does), and which levels do how much."""
    groups: dict[str, list[Any]] = {}
    for level in study["depths"]:
        groups.setdefault(verdict_of(level), []).append(value_of(level))
    level = answer_level(study)
    if level is not None:
        word = VERDICTS[verdict_of(level)].capitalize()
    elif len(groups) == 1:
        word = VERDICTS[next(iter(groups))].capitalize()
    else:
        word = f"It depends on {'depth' if is_depth(study) else 'the value'}"
    if len(groups) == 1:
        return word, f"the same at every {'depth' if is_depth(study) else 'value'}" if len(study["depths"]) > 1 else ""
    parts = [f"{name_all(study, values)}: {VERDICTS[verdict]}" for verdict, values in groups.items()]
    return word, "; ".join(parts)


def interval_name(study: Mapping[str, Any]) -> str:
    """`95% interval`, or what the study's level of error makes of it."""
    return f"{100 * (1 - ((study.get('recommendation') or {}).get('level') or 0.05)):g}% interval"


BASES = {
    "seeds and examples": "Intervals on test are for the chance of other seeds and other texts, all others of other seeds alone.",
    "seeds": "The intervals are for the chance of other seeds, with these very texts.",
    "examples": "Intervals on test are for the chance of other texts alone: one seed says nothing of others.",
    "trials": "The intervals are for other settings drawn from the same ranges, each with another seed.",
}
"""What the intervals hold for, by what those of the test score are made from."""


def describe_basis(study: Mapping[str, Any]) -> str:
    """What the intervals hold for; nothing where levels differ in that, or where it is not said."""
    bases = {score_of(level, "test", metric_of(study)).get("from") for level in study["depths"]}
    return BASES.get(bases.pop() or "", "") if len(bases) == 1 else ""


def describe_thresholds(thresholds: Mapping[str, Any]) -> str:
    """From where on the verdicts speak of a fault; names that are not ours stand as they are."""
    known = {
        "mild_error": lambda value: f"error up by {100 * value:g} percentage points is mild",
        "strong_error": lambda value: f"by {100 * value:g} strong",
        "mild_loss": lambda value: f"loss is up from {100 * value:g}% of its lowest on",
        "strong_loss": lambda value: f"steep from {100 * value:g}% on",
        "least_loss": lambda value: f"both from {value:g} nats on at least",
    }
    parts = [
        known[name](value) if name in known and isinstance(value, int | float) else f"{name} {setting(value)}"
        for name, value in thresholds.items()
    ]
    return f" Thresholds: {', '.join(parts)}." if parts else ""


def describe_score(study: Mapping[str, Any]) -> tuple[str, str] | None:
    """The test score of the recommended level with its interval, else the range over the levels."""
    metric = metric_of(study)
    scores = [(value_of(level), score_of(level, "test", metric)) for level in study["depths"]]
    known = [(value, score) for value, score in scores if score.get("mean") is not None]
    if not known:
        return None
    level = answer_level(study)
    if level is not None and (score := score_of(level, "test", metric)).get("mean") is not None:
        interval = share_interval(score)
        return percent(score["mean"]), f"{interval_name(study)} {interval.replace('–', ' to ')}" if interval else ""
    low, high = (choose(known, key=lambda row: row[1]["mean"]) for choose in (min, max))
    spread = f"{percent(low[1]['mean'], 1).removesuffix('%')} to {percent(high[1]['mean'], 1)}"
    return spread, f"means of {level_name(study, low[0])} and {level_name(study, high[0])}"


def describe_wait(study: Mapping[str, Any]) -> tuple[str, str] | None:
    """What an undecided study lacks: seeds, and the difference that it could have seen."""
    recommendation = study.get("recommendation") or {}
    more, least = recommendation.get("more_seeds"), recommendation.get("least_difference")
    if recommendation.get("answer") != "undecided" or (more is None and least is None):
        return None
    seen = f"differences from {points(least, 1).lstrip('+')} points on could be seen" if least is not None else ""
    if more is None:
        return (
            f"{points(least, 1).lstrip('+')} points",
            f"the least difference that {_seeds(recommendation)} could show",
        )
    # With fewer seeds than a claim takes, the number is what is missing to them.
    about = "about" if (recommendation.get("seeds") or 0) >= FEWEST_SEEDS else "at least"
    return f"{about} {more} more {'seed' if more == 1 else 'seeds'} each", (
        f"with {_seeds(recommendation)} only {seen}" if seen else ""
    )


def _seeds(recommendation: Mapping[str, Any]) -> str:
    seeds = recommendation.get("seeds")
    return "these seeds" if seeds is None else f"{seeds} {'seed' if seeds == 1 else 'seeds'}"


def describe_cost(study: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, str]]]:
    """What a level takes, under a heading that says what it is compared with: name, number, ratio.

    The recommended level is compared with the first; where that is itself recommended, or none is, the
    last is compared with the first.
    """
    levels, chosen = study["depths"], answer_level(study)
    shown = levels[0] if chosen is None else chosen
    other = levels[-1] if shown is levels[0] else shown
    lines = []
    for key, name, write in (
        ("parameters", "parameters", whole),
        ("training_seconds", "training", duration),
        ("latency_ms", "latency", lambda value: f"{value:.3g} ms"),
    ):
        if shown.get(key) is not None:
            lines.append((name, write(shown[key]), times(other.get(key), levels[0].get(key)) or ""))
    tuning = tuning_of(study)
    if tuning.get("seconds"):
        lines.append(("tuning, all depths", duration(tuning["seconds"]), f"{tuning['trials']} trials each"))
    first, name = (level_name(study, value_of(level), 20) for level in (levels[0], other))
    if other is levels[0]:
        return f"What {first} costs", [(name, number, "") for name, number, _ in lines]
    if shown is other:
        return f"What it costs, against {first}", lines
    return f"What {first} costs, and {name}", lines


def metric_of(study: Mapping[str, Any]) -> str:
    """The key of the score by which levels are compared."""
    return str(study.get("metric") or "accuracy")


def score_name(study: Mapping[str, Any]) -> str:
    """That score as it is written."""
    return metric_name(metric_of(study), several=has_several_labels(study))


def baseline_scores(study: Mapping[str, Any], name: str) -> dict[str, float]:
    """The score of `name` of BASELINES on validation and test; empty where it is not known."""
    scores, metric = study.get(name) or {}, metric_of(study)
    return {split: scores[split][metric] for split in ("validation", "test") if metric in (scores.get(split) or {})}


def score_of(level: Mapping[str, Any], split: str, metric: str = "accuracy") -> Mapping[str, Any]:
    """Mean, interval and seeds of a level's score at the best epoch; empty where it is not known."""
    return ((level.get("best") or {}).get(split) or {}).get(metric) or {}


def points(share: float | None, digits: int = 2) -> str:
    """A difference of shares in percentage points, signed."""
    return NONE if share is None else signed(100 * share, digits)


def share_interval(interval: Mapping[str, Any] | None, digits: int = 1) -> str:
    """`86.1–89.0` (percent), or nothing where it can't be had."""
    if not has_interval(interval):
        return ""
    # A t interval may reach beyond what a share can be.
    low, high = (percent(min(max(interval[end], 0), 1), digits).removesuffix("%") for end in ("low", "high"))
    return f"{low}–{high}"


def loss_interval(interval: Mapping[str, Any] | None, digits: int = 3) -> str:
    """`0.412–0.450` (nats), or nothing where it can't be had."""
    return f"{interval['low']:.{digits}f}–{interval['high']:.{digits}f}" if has_interval(interval) else ""


def signed_interval(interval: Mapping[str, Any] | None, *, scale: float = 100, digits: int = 2) -> str:
    """`−0.40 to +1.31`, or nothing where it can't be had. A scale of 100 gives points, one of 1 nats."""
    if not has_interval(interval):
        return ""
    return " to ".join(signed(scale * interval[end], digits) for end in ("low", "high"))


def has_interval(interval: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    """Whether both ends are known."""
    return interval is not None and interval.get("low") is not None and interval.get("high") is not None


def times(value: float | None, base: float | None) -> str | None:
    """`1.4 times`; None where either is missing."""
    if value is None or not base:
        return None
    return f"{value / base:.1f} times" if abs(value / base - 1) >= 0.05 else "the same"
