"""Numbers and results in words, the same in the terminal and on the page."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scipy.stats import binomtest

NONE = "–"
"""Stands where there is no number."""


def wilson_interval(right: int, examples: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927), within [0, 1] also for small samples."""
    interval = binomtest(right, examples).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def count_right(scores: Mapping[str, Any], examples: int) -> int:
    """Texts classified correctly."""
    return round(float(scores["accuracy"]) * examples)


def has_several_labels(found: Mapping[str, Any]) -> bool:
    """Whether a report or a study is of texts that may have several labels."""
    return found.get("problem_type") == "multi_label_classification"


def metric_name(metric: str, *, several: bool = False) -> str:
    """A metric as it is written: accuracy, macro-F1, loss; with `several` labels a text subset accuracy."""
    written = "subset accuracy" if several else "accuracy"
    return {"accuracy": written, "macro_f1": "macro-F1", "micro_f1": "micro-F1"}.get(metric, metric)


def describe_result(split: str, scores: Mapping[str, Any]) -> str:
    """The result in a sentence; scores of sets of labels have a micro-F1."""
    examples = scores["examples"]
    right = count_right(scores, examples)
    low, high = wilson_interval(right, examples)
    shares = f"{percent(right / examples)}, 95% interval {percent(low, 1)} to {percent(high, 1)}."
    if "micro_f1" in scores:
        return (
            f"The network gives {whole(right)} of {whole(examples)} {split} texts exactly their labels: "
            f"subset accuracy {shares} Micro-F1 is {percent(scores['micro_f1'])}."
        )
    return f"The network classifies {whole(right)} of {whole(examples)} {split} texts correctly: accuracy {shares}"


def describe_worst(report: Mapping[str, Any], most: int = 3) -> str | None:
    """The classes with the lowest F1 on test, among three or more that have texts there."""
    rows = ((report.get("diagnostics") or {}).get("test") or {}).get("per_class") or []
    rows = sorted((row for row in rows if row["support"]), key=lambda row: row["f1"])
    if len(rows) < most:
        return None
    shown = [
        f"{middle_cut(row['label'])} {percent(row['f1'], 1)} ({whole(row['support'])} {'text' if row['support'] == 1 else 'texts'})"
        for row in rows[:most]
    ]
    return f"Lowest F1 by class: {', '.join(shown)}."


def describe_baseline(
    split: str, scores: Mapping[str, Any], linear: Mapping[str, Any] | None, kind: str = "linear"
) -> str | None:
    """Whether the baseline `kind` does better, as well or worse, and by how much; None where there is none."""
    if not linear or split not in linear:
        return None
    examples = scores["examples"]
    right, baseline = count_right(scores, examples), count_right(linear[split], examples)
    if baseline == right:
        return (
            f"The {kind} baseline does as well: it classifies just as many correctly ({percent(baseline / examples)})."
        )
    low, high = wilson_interval(right, examples)
    number = abs(baseline - right)
    inside = low <= baseline / examples <= high
    name = metric_name("accuracy", several="micro_f1" in scores)
    return (
        f"The {kind} baseline does {'better' if baseline > right else 'worse'}: {percent(baseline / examples)}, "
        f"{whole(number)} {'text' if number == 1 else 'texts'} ({percent(number / examples).removesuffix('%')} percentage "
        f"points) {'more' if baseline > right else 'fewer'}. "
        + f"Its {name} lies {'inside' if inside else 'outside'} the network's interval"
        + (": the difference may be chance." if inside else ".")
    )


def other_ways(coverage: Mapping[str, float]) -> str:
    """How many rows came by another case, or were composed of parts; nothing where none did."""
    ways = {"other_case": "in another case", "composed": "composed of character n-grams"}
    return "".join(f", {whole(coverage[way])} rows {words}" for way, words in ways.items() if coverage.get(way))


def percent(share: float | None, digits: int = 2) -> str:
    """97.31%; what is not quite all or nothing is not rounded to it."""
    if share is None:
        return NONE
    least = 10**-digits
    if share > 0 and 100 * share < least / 2:
        return f"<{least:.{digits}f}%"
    if share < 1 and 100 * share > 100 - least / 2:
        return f">{100 - least:.{digits}f}%"
    return f"{100 * share:.{digits}f}%"


def signed(value: float, digits: int) -> str:
    """+1.20 or −1.20, and 0.00 without a sign."""
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return ("+" if value > 0 else "−") + text


def decimal(value: float | None, digits: int = 4) -> str:
    """A fixed number of decimals."""
    return NONE if value is None else f"{value:.{digits}f}"


def short(value: float | None) -> str:
    """Up to four significant digits: 0.002, 6."""
    return NONE if value is None else f"{value:.4g}"


def whole(value: float | None) -> str:
    """A whole number with separators of thousands."""
    return NONE if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """9.1 s, 1 min 20 s or 2 h 3 min."""
    if seconds is None:
        return NONE
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(text: str) -> str:
    """A date in ISO 8601 without seconds."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}".strip()


def setting(value: Any) -> str:
    """A value as one would type it on the command line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def middle_cut(name: str, longest: int = 32) -> str:
    """A long name without its middle: names of classes often share their beginning."""
    return name if len(name) <= longest else f"{name[: longest - 12]}…{name[-11:]}"
