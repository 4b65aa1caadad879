"""What to try against overfitting, named from what a study measured."""

from collections.abc import Collection, Sequence

import numpy as np

from textlstm.study.overfitting import Overfitting
from textlstm.study.runs import Run


def what_to_try(
    found: Overfitting,
    runs: Sequence[Run],
    *,
    better: tuple[str, float] | None,
    varied: Collection[str],
    metric: str = "accuracy",
) -> str | None:
    """What this study measured that may help; None without a fault.

    better: name and test mean of a shallower level without this fault, and the best of those.
    varied: settings that vary in this study. metric: the score by which levels are compared.
    """
    if found.verdict in ("none", "unknown"):
        return None
    tries = []
    epochs = max(float(run.training.get("epochs") or 0) for run in runs)
    best = float(np.mean([float(run.training.get("best_epoch") or 0) for run in runs]))
    stop = found.lowest_epoch if found.verdict == "overconfident" else best
    if stop and round(stop) < epochs:
        what = "validation loss was lowest" if found.verdict == "overconfident" else "validation was best"
        tries.append(
            f"training.epochs={max(1, round(stop))}, since {what} at epoch {stop:.1f} of {epochs:g} on average"
        )
    if better:
        mean = float(np.mean([run.best["test"][metric] for run in runs]))
        tries.append(
            f"{better[0]}, without this fault here: test {metric.replace('macro_f1', 'macro-F1')} {100 * better[1]:.1f}% against {100 * mean:.1f}%"
        )
    name = "training.label_smoothing" if found.verdict == "overconfident" else "model.regularization_scale"
    if name in runs[0].config and name not in varied:
        tries.append(f"a higher {name} (here {runs[0].config[name]}; not varied in this study)")
    return "; ".join(tries) + "." if tries else None
