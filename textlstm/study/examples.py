"""Which test texts the step from the first level to another fixes, and which it breaks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from textlstm.study.runs import Run

MOST = 20


def changed_examples(first: Sequence[Run], other: Sequence[Run], *, most: int = MOST) -> dict[str, Any] | None:
    """Texts that most seeds answer rightly at one level and wrongly at the other, the clearest first.

    Fixed: right for more than half of the seeds at `other` and for less than half at `first`. A few
    are fixed and broken by chance alone, whatever the levels. None without predictions.
    """
    tables = [[run.predictions for run in runs] for runs in (first, other)]
    if any(predictions is None for table in tables for predictions in table):
        return None
    before, after = (np.mean([each.right for each in table if each], axis=0) for table in tables)
    kept = next(each for each in tables[0] if each)
    change = after - before
    fixed, broken = (before < 0.5) & (after > 0.5), (before > 0.5) & (after < 0.5)

    def rows(chosen: np.ndarray) -> list[dict[str, Any]]:
        places = np.flatnonzero(chosen)
        places = places[np.argsort(-np.abs(change[places]), kind="stable")][:most]
        return [
            {
                "index": int(kept.index[place]),
                "label": _name(first[0].labels, kept.labels[place]),
                "first": float(before[place]),
                "best": float(after[place]),
            }
            for place in places
        ]

    counts = {"fixed": int(fixed.sum()), "broken": int(broken.sum())}
    return {
        "fixed": rows(fixed),
        "broken": rows(broken),
        "counts": counts | {"same": len(change) - sum(counts.values())},
    }


def _name(names: Sequence[str], label: Any) -> str:
    """The class, or the set of classes, in words."""
    if np.ndim(label) == 0:
        return str(names[int(label)])
    return ", ".join(name for name, there in zip(names, label, strict=True) if there) or "(none)"
