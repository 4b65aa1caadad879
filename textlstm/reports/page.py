"""`report.html`: a report as one page for people, from the same dict as `report.json`.

One file, no script, nothing loaded from elsewhere. Whatever the report holds passes through Jinja's
autoescape, for texts and label names are the user's; only the pictures, which hold neither, are
inserted as they are. Sections whose values the report lacks (that of an evaluation has no history)
are left out.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from textlstm.data.label_sets import shown_label
from textlstm.reports.copies import copies_rows
from textlstm.reports.pictures import learning_curve, reliability_diagram
from textlstm.reports.wording import (
    count_right,
    decimal,
    describe_baseline,
    describe_result,
    duration,
    has_several_labels,
    metric_name,
    middle_cut,
    moment,
    other_ways,
    percent,
    setting,
    short,
    signed,
    whole,
    wilson_interval,
)

CHOSEN_BY = {
    "accuracy": "the highest validation {accuracy}",
    "macro_f1": "the highest validation macro-F1",
    "micro_f1": "the highest validation micro-F1",
    "loss": "the lowest validation loss",
}
"""What made an epoch the best, by `training.metric`."""

FREQUENT_CONFUSIONS = 5

BASELINES = {"linear": "Linear baseline", "encoder": "Encoder baseline"}


def render_page(report: dict[str, Any]) -> str:
    """The whole page as HTML."""
    splits, labels = report["splits"], report["labels"]
    # Test says the most; an evaluation may have scored another split only.
    headline = next(name for name in ("test", "validation", *splits) if name in splits)
    diagnostics, config = report.get("diagnostics") or {}, report.get("config") or {}
    baseline = report.get("baseline") or {}
    linear = baseline.get("linear")
    several = has_several_labels(report)
    return open_template("page.html.j2").render(
        report=report,
        **{name: report.get(name) for name in ("generalization_gap", "model", "training", "data", "history", "seed")},
        headline=headline,
        copies=copies_rows((report.get("data") or {}).get("duplicates")),
        result=describe_result(headline, splits[headline]),
        linear=linear,
        encoder=baseline.get("encoder"),
        comparison=" ".join(
            filter(
                None, (describe_baseline(headline, splits[headline], baseline.get(kind), kind) for kind in BASELINES)
            )
        ),
        # None where it was switched off; an evaluation says nothing of it.
        baseline_switched_off="linear" in baseline and linear is None,
        scores=score_groups(splits, baseline),
        most_frequent=most_frequent_class(labels, diagnostics.get(headline)),
        several=several,
        accuracy=metric_name("accuracy", several=several),
        guessing_loss=math.log(2 if several else len(labels)),
        curves=learning_curves(report),
        diagnostics=[
            diagnosis(name, labels, values, number=number, several=several)
            for number, (name, values) in enumerate(diagnostics.items(), 1)
        ],
        chosen_by=CHOSEN_BY.get((config.get("training") or {}).get("metric", ""), "").format(
            accuracy=metric_name("accuracy", several=several)
        ),
        max_length=(config.get("tokenizer") or {}).get("max_length"),
        truncation=(config.get("tokenizer") or {}).get("truncation", "head"),
        settings=settings_groups(config),
    )


def open_template(name: str, **filters: Callable[..., Any]) -> Template:
    """A template of this folder, with the words that pages share and `filters` of its own."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "other_ways": other_ways,
        "signed": signed,
        "decimal": decimal,
        "short": short,
        "whole": whole,
        "duration": duration,
        "moment": moment,
        "setting": setting,
        "middle_cut": middle_cut,
        **filters,
    }
    return environment.get_template(name)


def score_groups(splits: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Scores by split of the network and, without a loss, of the baselines."""
    groups = {"Network": dict(splits)}
    for kind, name in BASELINES.items():
        if scores := baseline.get(kind):
            groups[name] = {
                split: scores[split] | {"loss": None, "examples": splits[split]["examples"]}
                for split in splits
                if split in scores
            }
    return groups


def most_frequent_class(labels: Sequence[str], diagnostics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The class that most texts have, and their share: the accuracy of always giving that answer."""
    if not diagnostics or "confusion" not in diagnostics:
        return None
    counts = [sum(row) for row in diagnostics["confusion"]]
    return {"label": labels[counts.index(max(counts))], "share": max(counts) / sum(counts)}


def learning_curves(report: Mapping[str, Any]) -> list[Markup]:
    """The curves of loss and accuracy, or none without a history."""
    if not report.get("history"):
        return []
    best = (report.get("training") or {}).get("best_epoch")
    linear, several = (report.get("baseline") or {}).get("linear") or {}, has_several_labels(report)
    baseline = linear.get("validation", {}).get("accuracy")
    return [
        Markup(learning_curve(report["history"], metric="loss", name="curve-loss", best_epoch=best)),
        Markup(
            learning_curve(
                report["history"],
                metric="accuracy",
                name="curve-accuracy",
                best_epoch=best,
                baseline=baseline,
                several=several,
            )
        ),
    ]


def diagnosis(
    split: str, labels: Sequence[str], values: Mapping[str, Any], *, number: int, several: bool = False
) -> dict[str, Any]:
    """What the sections on one split show; `number` keeps the ids of splits apart, `several`: labels a text."""
    # Sets of labels have none.
    confusion = values.get("confusion", [])
    bins = [
        row | {"interval": wilson_interval(count_right(row, row["examples"]), row["examples"])}
        for row in values["calibration"]["bins"]
    ]
    return {
        "split": split,
        "number": number,
        "confusion": [shaded(row) for row in confusion],
        "frequent": frequent_confusions(labels, confusion),
        # Classes without texts in this split have no scores, and come last.
        "per_class": sorted(values["per_class"], key=lambda row: (not row["support"], row["f1"])),
        "error": values["calibration"]["error"],
        "reliability": Markup(reliability_diagram(bins, name=f"reliability-{number}", several=several)),
        "mistakes": [
            row | {name: shown_label(row[name]) for name in ("label", "prediction")} for row in values["mistakes"]
        ],
        "wrong": values.get("wrong", sum(map(sum, confusion)) - sum(row[i] for i, row in enumerate(confusion))),
    }


def shaded(row: Sequence[int]) -> list[tuple[int, float]]:
    """Each count with its shade, up to 0.8: the darker, the larger its share of the row.

    The root lets few mistakes be seen too; at 0.8 black figures can still be read on the colour.
    """
    total = max(sum(row), 1)
    return [(count, round(max(0.08, 0.8 * math.sqrt(count / total)), 3)) for count in row]


def frequent_confusions(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[tuple[str, str, int]]:
    """The most frequent pairs of a label and a wrong prediction, with their number."""
    pairs = [
        (labels[i], labels[j], count)
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if count and i != j
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:FREQUENT_CONFUSIONS]


def settings_groups(config: Mapping[str, Any]) -> dict[str, list[tuple[str, Any]]]:
    """Dotted names and values by section; settings that belong to none come first, as `run`."""
    groups: dict[str, list[tuple[str, Any]]] = {"run": []}
    for name, value in config.items():
        if isinstance(value, Mapping):
            groups.setdefault(name, []).extend(dotted(value, f"{name}."))
        else:
            groups["run"].append((name, value))
    return {name: rows for name, rows in groups.items() if rows}


def dotted(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """The leaves of nested settings under their dotted names."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
