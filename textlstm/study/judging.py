"""The answer of a study, or of one slice of a grid: settings of how it is judged, and what it rests on."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from textlstm.section import Section
from textlstm.study.estimates import compare, units, why_not_crossed
from textlstm.study.factors import DEPTH, Factor, level_name
from textlstm.study.overfitting import OverfittingThresholds
from textlstm.study.recommendation import Recommendation, recommend
from textlstm.study.spread import Spread


class JudgingSettings(Section):
    """How a study is judged."""

    factor: str | None = Field(None, description="setting that the study is about; null finds the one that differs")
    metric: Literal["accuracy", "macro_f1"] = Field("accuracy", description="score by which levels are compared")
    margin: float = Field(0.005, gt=0, lt=1, description="difference below which levels count as equivalent (share)")
    level: float = Field(0.05, gt=0, le=0.2, description="chance of a wrong claim; intervals hold with 1 minus it")
    overfitting: OverfittingThresholds = Field(
        OverfittingThresholds(), description="thresholds of the overfitting verdict"
    )


@dataclass(frozen=True)
class Judged:
    """The levels of a factor, judged. validation: a score a repetition at each level; test: means and variances.

    why_seeds: why intervals come from seeds alone; None where seeds and examples are crossed.
    """

    factor: Factor
    test: Spread
    validation: list[np.ndarray]
    why_seeds: str | None
    answer: Recommendation

    @property
    def crossed(self) -> bool:
        """Whether intervals of the test split are over seeds and examples."""
        return self.why_seeds is None

    @property
    def means(self) -> np.ndarray:
        """Mean validation score of each level."""
        return np.array([values.mean() for values in self.validation])

    def as_dict(self) -> dict[str, Any]:
        """The recommendation for `study.json`: with the depth, and the value of the factor."""
        factor, place = self.factor, self.answer.place
        return self.answer.as_dict() | {"layers": shown_layers(factor, place), "value": shown_value(factor, place)}


def judge(factor: Factor, settings: JudgingSettings) -> Judged:
    """Compare the levels of `factor`: validation proposes, test confirms."""
    missing = why_not_crossed(factor)
    test = compare(factor, settings.metric, crossed=missing is None)
    validation = validation_scores(factor, settings.metric)
    answer = recommend(
        test,
        np.array([values.mean() for values in validation]),
        name=lambda place: level_name(factor, place),
        margin=settings.margin,
        level=settings.level,
        order=("shallower", "deeper") if factor.name == DEPTH else ("earlier", "later"),
    )
    return Judged(factor, test, validation, missing, answer)


def validation_scores(factor: Factor, metric: str) -> list[np.ndarray]:
    """At each level a validation score for each repetition: a seed, or a split's mean."""
    return [
        units(level.runs, [run.best["validation"][metric] for run in level.runs], factor) for level in factor.levels
    ]


def shown_layers(factor: Factor, place: int | None) -> int | None:
    """The depth at `place`; None where the study is about something else, see `shown_value`."""
    return factor.levels[place].runs[0].layers if place is not None and factor.name == DEPTH else None


def shown_value(factor: Factor, place: int | None) -> Any:
    """The value of the factor at `place`."""
    return None if place is None else factor.levels[place].value
