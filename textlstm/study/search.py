"""Random settings of the recipe: the same at every depth, so that none has the better draw.

Drawn independently from log-uniform distributions (Bergstra and Bengio 2012, "Random Search for
Hyper-Parameter Optimization"): a grid of as many trials would try fewer values of each.
"""

import math
from collections.abc import Collection, Sequence

import numpy as np
from pydantic import Field, field_validator

from textlstm.section import Section
from textlstm.study.runs import Run

SEARCHED = {
    "learning_rate": "training.learning_rate",
    "regularization_scale": "model.regularization_scale",
    "weight_decay": "training.weight_decay",
}
"""A range of the search -> the setting that is drawn from it."""

DIGITS = 3
"""Significant digits of a value: folders and reports are read by people."""

Range = list[float]


class SearchSettings(Section):
    """The ranges of the search."""

    seed: int = Field(0, ge=0, description="seed of the draw; another one draws other settings")
    learning_rate: Range = Field(
        [0.0005, 0.02], description="lowest and highest training.learning_rate, drawn log-uniformly"
    )
    regularization_scale: Range = Field(
        [0.25, 1.5], description="lowest and highest model.regularization_scale, drawn log-uniformly"
    )
    weight_decay: Range = Field(
        [0.000001, 0.1], description="lowest and highest training.weight_decay, drawn log-uniformly"
    )

    @field_validator(*SEARCHED)
    @classmethod
    def _is_a_range(cls, value: Range) -> Range:
        if len(value) != 2 or not 0 < value[0] < value[1]:
            raise ValueError(
                f"A range of study.search is [lowest,highest], both above 0 and the highest the larger: {value} is none."
            )
        return value


def draw_trials(search: SearchSettings, trials: int, *, fixed: Collection[str] = ()) -> list[dict[str, float]]:
    """`trials` draws, each a value by setting; those in `fixed` are left out.

    The first n draws of a longer search are those of a shorter one, whatever is fixed.
    """
    uniform = np.random.default_rng(search.seed).random((trials, len(SEARCHED)))
    drawn = []
    for row in uniform:
        values = {}
        for (part, name), share in zip(SEARCHED.items(), row, strict=True):
            low, high = map(math.log, getattr(search, part))
            values[name] = float(f"{math.exp(low + share * (high - low)):.{DIGITS}g}")
        drawn.append({name: value for name, value in values.items() if name not in fixed})
    return drawn


def best_trial(trials: Sequence[Run], metric: str) -> Run:
    """The trial with the best validation `metric`; equal ones are told apart by validation loss."""

    def goodness(run: Run) -> tuple[float, float]:
        scores = run.best["validation"]
        return (-scores["loss"] if metric == "loss" else scores[metric], -scores["loss"])

    return max(trials, key=goodness)
