"""Groups: rows that belong together (sentences of a document, phrases of a sentence) stay on one side of a split.

A split by groups is drawn: groups come in random order, and each is taken that brings the counts of
classes nearer to what is wanted. Shares are met as far as the sizes of groups allow. (scikit-learn's
`StratifiedGroupKFold` gives equal folds only, and takes ten times as long.)
"""

from itertools import combinations

import numpy as np
import pandas as pd

from textlstm.data.source import SPLITS, Frames

DRAWS, PASSES = 10, 3


def number_groups(frames: Frames) -> tuple[Frames, int]:
    """Give the column `group` numbers, equal for equal names in all splits, and count the rows without a name.

    Each of these is a group of its own. Frames without the column come back as they are.
    """
    if not all("group" in frame for frame in frames.values()):
        return frames, 0
    names = pd.concat([frame["group"] for frame in frames.values()], ignore_index=True)
    numbers, known = pd.factorize(names)
    without = (names == "").to_numpy()
    numbers[without] = len(known) + np.arange(without.sum())
    ends = np.cumsum([len(frame) for frame in frames.values()])
    parts = np.split(numbers, ends[:-1])
    return {split: frame.assign(group=part) for (split, frame), part in zip(frames.items(), parts, strict=True)}, int(
        without.sum()
    )


def choose_groups(rows: pd.DataFrame, share: float, seed: int) -> np.ndarray | None:
    """Places of the rows of whole groups that are together nearest to `share` of each class; the best of some draws.

    None where no draw took anything and left every class behind.
    """
    # [G, C]: how many rows of each class a group has.
    counts = pd.crosstab(rows["group"], rows["label"])
    table, groups = counts.to_numpy(float), counts.index.to_numpy()
    wanted = share * table.sum(axis=0)
    draw = np.random.default_rng(seed)
    best, least = None, np.inf
    for _ in range(DRAWS):
        taken = fill(table[order := draw.permutation(len(table))], wanted)
        reached = table[order][taken].sum(axis=0)
        distance = float(np.abs(wanted - reached).sum())
        if taken.any() and (reached < table.sum(axis=0)).all() and distance < least:
            best, least = groups[order[taken]], distance
    return None if best is None else np.flatnonzero(rows["group"].isin(best))


def fill(table: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which rows `[G]` of `table` `[G, C]` to take so that their sum comes near to `wanted` `[C]`.

    One after the other is taken, and in later passes also given back, where the squared distance shrinks.
    """
    taken, missing = np.zeros(len(table), bool), wanted.copy()
    for _ in range(PASSES):
        for number, counts in enumerate(table):
            step = -counts if taken[number] else counts
            if step @ (step - 2 * missing) < 0:
                taken[number] ^= True
                missing -= step
                if np.abs(missing).max() < 0.5:
                    return taken
    return taken


def share_of_groups(train: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """Rows `[N]` of the first groups in random order that hold `share` of the rows, and of one for each class.

    A smaller share is part of a larger one.
    """
    groups = train["group"].unique()
    rank = pd.Series(np.random.default_rng(seed).permutation(len(groups)), index=groups)
    ranks = train["group"].map(rank)
    before = np.cumsum(np.bincount(ranks)) - np.bincount(ranks)
    # Of a text with several labels each; of all others the one that it has.
    each = train["label"].explode()
    first_of_class = set(ranks.reindex(each.index).groupby(each.to_numpy()).min())
    return np.asarray((before[ranks] < share * len(train)) | ranks.isin(first_of_class))


def shared_groups(frames: Frames) -> list[dict[str, object]]:
    """For each two splits that have some in common: how many groups stand in both."""
    found = []
    for split, other in combinations([split for split in reversed(SPLITS) if split in frames], 2):
        both = len(set(frames[split]["group"]) & set(frames[other]["group"]))
        if both:
            found.append({"split": split, "other": other, "groups": both})
    return found


def describe_groups(frames: Frames, *, column: str, without: int, shared: list[dict[str, object]]) -> dict[str, object]:
    """What became of the groups: their number and share of the rows in each split, as used."""
    total = sum(len(frame) for frame in frames.values())
    return {
        "column": column,
        "rows_without": without,
        "in_two_given_splits": shared,
        "splits": {
            split: {"groups": int(frame["group"].nunique()), "share": len(frame) / total}
            for split, frame in frames.items()
        },
    }
