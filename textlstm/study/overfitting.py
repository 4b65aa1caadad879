"""Whether a depth overfits, in words and numbers.

A gap between train and validation is no fault: every fitted model has one. The verdict rests on

(a) how far validation loss and error at the end of the fixed budget exceed those of the best epoch.
    Error is compared with the best validation epoch; loss with the lowest of the run's history,
    since weights chosen by accuracy may already have passed it. Means over seeds.
(b) against the next shallower depth, at the end of the budget: training loss lower and validation
    loss higher, both with an interval over the seeds without zero.

Error up in (a): mild, or strong beyond a second threshold, with a steep loss, or with (b). (b) with a
validation error that is higher too: mild. Loss up while accuracy holds: overconfident.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field
from scipy.stats import t as student

from textlstm.section import Section
from textlstm.study.intervals import Interval, from_seeds, satterthwaite
from textlstm.study.runs import Run


class OverfittingThresholds(Section):
    """From where on validation at the end of the budget is worse than at the best epoch."""

    mild_error: float = Field(
        0.01, ge=0, le=1, description="validation error above the best epoch's: mild from here on"
    )
    strong_error: float = Field(
        0.03, ge=0, le=1, description="validation error above the best epoch's: strong from here on"
    )
    mild_loss: float = Field(
        0.1, ge=0, description="validation loss above the lowest, as a share of it: up from here on"
    )
    strong_loss: float = Field(
        0.5, ge=0, description="validation loss above the lowest, as a share of it: steep from here on"
    )
    least_loss: float = Field(
        0.02, ge=0, description="nats by which validation loss is at least above the lowest to be up"
    )


@dataclass(frozen=True)
class Overfitting:
    """The verdict on one level and what it rests on; None where reports hold no last epoch."""

    verdict: str
    excess_loss: Interval | None
    excess_error: Interval | None
    lowest_loss: float | None
    lowest_epoch: float | None
    against_shallower: dict[str, Interval] | None
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """For `study.json`, without what to try."""
        against = self.against_shallower
        return {
            "verdict": self.verdict,
            "excess_loss": self.excess_loss.as_dict() if self.excess_loss else None,
            "excess_error": self.excess_error.as_dict() if self.excess_error else None,
            "lowest_loss": self.lowest_loss,
            "lowest_loss_epoch": self.lowest_epoch,
            "against_shallower": {name: found.as_dict() for name, found in against.items()} if against else None,
            "sentence": self.sentence,
        }


def judge_overfitting(
    runs: Sequence[Run],
    *,
    shallower: Sequence[Run] | None = None,
    thresholds: OverfittingThresholds | None = None,
    confidence: float = 0.95,
) -> Overfitting:
    """The verdict on the runs of one level; `shallower` are those of the next shallower one."""
    limits = thresholds or OverfittingThresholds()
    ends = [run.at_end("validation") for run in runs]
    if any(end is None for end in ends):
        return Overfitting("unknown", None, None, None, None, None, "The reports hold no scores of the last epoch.")
    lowest = [_lowest_loss(run) for run in runs]
    loss = from_seeds(
        [end["loss"] - low for end, (low, _) in zip(ends, lowest, strict=True) if end], confidence=confidence
    )
    error = from_seeds(
        [run.best["validation"]["accuracy"] - end["accuracy"] for run, end in zip(runs, ends, strict=True) if end],
        confidence=confidence,
    )
    floor = float(np.mean([low for low, _ in lowest]))
    epochs = [epoch for _, epoch in lowest if epoch is not None]
    against = compare_at_end(runs, shallower, confidence=confidence) if shallower else None
    verdict = _verdict(loss.mean, error.mean, floor, against, limits)
    sentence = _sentence(loss, error, floor, against, len(runs))
    return Overfitting(verdict, loss, error, floor, float(np.mean(epochs)) if epochs else None, against, sentence)


def compare_at_end(
    runs: Sequence[Run], shallower: Sequence[Run], *, confidence: float = 0.95
) -> dict[str, Interval] | None:
    """Deeper minus shallower at the end of the budget, by Welch's t over the seeds: seeds are no pairs."""
    found = {}
    for key, split, metric in (
        ("train_loss", "train", "loss"),
        ("validation_loss", "validation", "loss"),
        ("validation_accuracy", "validation", "accuracy"),
    ):
        ends = [[run.at_end(split) for run in group] for group in (runs, shallower)]
        if any(end is None for group in ends for end in group):
            return None
        here, there = (np.array([end[metric] for end in group if end]) for group in ends)
        found[key] = _difference(here, there, confidence)
    return found


def _verdict(
    loss: float, error: float, floor: float, against: dict[str, Interval] | None, limits: OverfittingThresholds
) -> str:
    share = loss / floor if floor > 0 else math.inf
    loss_up = loss >= limits.least_loss and share >= limits.mild_loss
    error_up = error > 0 and error >= limits.mild_error
    deeper = against is not None and _is_worse(against)
    if error_up and (error >= limits.strong_error or deeper or (loss_up and share >= limits.strong_loss)):
        return "strong"
    if error_up or (deeper and against is not None and against["validation_accuracy"].mean < 0):
        return "mild"
    return "overconfident" if loss_up or deeper else "none"


def _is_worse(against: dict[str, Interval]) -> bool:
    """(b): training loss lower, validation loss higher, zero in neither interval."""
    train, validation = against["train_loss"].high, against["validation_loss"].low
    return train is not None and validation is not None and train < 0 < validation


def _lowest_loss(run: Run) -> tuple[float, float | None]:
    """The run's lowest validation loss and its epoch."""
    rows = [(row["validation"]["loss"], float(row["epoch"])) for row in run.history if "validation" in row]
    best = run.best["validation"]["loss"]
    low, epoch = min(rows, default=(best, run.training.get("best_epoch")))
    return (best, run.training.get("best_epoch")) if best < low else (low, epoch)


def _difference(here: np.ndarray, there: np.ndarray, confidence: float) -> Interval:
    mean = float(here.mean() - there.mean())
    if min(len(here), len(there)) < 2:
        return Interval(mean, None, None, None, "one seed")
    terms = [(float(group.var(ddof=1)) / len(group), len(group) - 1) for group in (here, there)]
    variance, df = sum(value for value, _ in terms), satterthwaite(*terms)
    half = float(student.ppf((1 + confidence) / 2, df)) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half, df if math.isfinite(df) else None, "seeds")


def _sentence(loss: Interval, error: Interval, floor: float, against: dict[str, Interval] | None, seeds: int) -> str:
    words = (
        f"At the end of the budget validation loss is {loss.mean:.2f} nats{_limits(loss, 1, 2)} above its lowest of {floor:.2f}, "
        f"and validation error {100 * error.mean:.1f} points{_limits(error, 100, 1)} above that of the best epoch"
    )
    if seeds == 1:
        words += " (one seed: no interval)"
    if against and _is_worse(against):
        words += (
            f"; against the next shallower depth training loss is {-against['train_loss'].mean:.2f} nats lower"
            f" and validation loss {against['validation_loss'].mean:.2f} higher"
        )
    return words + "."


def _limits(found: Interval, scale: float, digits: int) -> str:
    if found.low is None or found.high is None:
        return ""
    low, high = (round(scale * limit, digits) + 0.0 for limit in (found.low, found.high))
    return f" ({low:.{digits}f} to {high:.{digits}f})"
