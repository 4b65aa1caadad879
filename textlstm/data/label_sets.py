"""Several labels a text: which classes there are, and how texts are split that have sets of them.

A set of labels is a sorted tuple of names, the column `label` of a frame. scikit-learn stratifies by one class a row;
here each frequent combination of labels is such a class, and the rare ones together are one more (Sechidis, Tsoumakas and
Vlahavas 2011, "On the Stratification of Multi-label Data", call this the label set approach). One row of each class stays
in train whatever is drawn, so that no split has a class that train lacks.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from datasets import Dataset, List

from textlstm.data.source import Frames
from textlstm.errors import UserError

OTHERS = -1
"""The stratum of all rare combinations."""


def is_multi_label(frame: pd.DataFrame) -> bool:
    """Whether its rows have sets of labels."""
    return not frame.empty and isinstance(frame["label"].iloc[0], tuple)


def same_kind(frames: Frames) -> bool:
    """Whether rows have sets of labels; raise `UserError` where some splits do and others do not."""
    kinds = {split: is_multi_label(frame) for split, frame in frames.items() if not frame.empty}
    if len(set(kinds.values())) > 1:
        lists = ", ".join(split for split, several in kinds.items() if several)
        single = ", ".join(split for split, several in kinds.items() if not several)
        raise UserError(f"The labels are lists in {lists}, and single ones in {single}.\nGive lists in all files.")
    return any(kinds.values())


def class_names(frame: pd.DataFrame) -> set[str]:
    """The classes that occur."""
    return set(frame["label"].explode().dropna())


def shown_label(label: str | Sequence[str]) -> str:
    """A label, or a set of them, in words."""
    return label if isinstance(label, str) else ", ".join(label) or "(none)"


def indicators(sets: Sequence[Sequence[int]], classes: int) -> np.ndarray:
    """Lists of class numbers as zeros and ones, int64 [N, C]."""
    table = np.zeros((len(sets), classes), np.int64)
    for row, numbers in enumerate(sets):
        table[row, list(numbers)] = 1
    return table


def names_in(rows: Dataset) -> list[str]:
    """Class names of a split, in order."""
    feature = rows.features["label"]
    return list(feature.feature.names if isinstance(feature, List) else feature.names)


def label_array(rows: Dataset) -> np.ndarray:
    """The labels of a split: class numbers int64 [N], or for sets of labels zeros and ones int64 [N, C]."""
    if isinstance(rows.features["label"], List):
        return indicators(rows["label"], len(names_in(rows)))
    return np.asarray(rows["label"])


def check_separator(frames: Frames, separator: str | None) -> None:
    """Raise `UserError` where no label holds `separator`."""
    if separator and all(frame["label"].map(len).max() < 2 for frame in frames.values()):
        raise UserError(
            f"dataset.label_separator={separator} has no effect: no text has several labels with it between them.\n"
            "Give the one that the file uses, or leave it out."
        )


def strata(labels: pd.Series, share: float) -> pd.Series:
    """A number for each row: its combination where the split is to get one row of it or more, else `OTHERS`."""
    numbers, combinations = pd.factorize(labels)
    counts = np.bincount(numbers, minlength=len(combinations))
    frequent = (counts * share >= 1) & (counts >= 2)
    found = np.where(frequent[numbers], numbers, OTHERS)
    if (found == OTHERS).sum() == 1 and frequent.any():
        found[found == OTHERS] = counts.argmax()
    return pd.Series(found, index=labels.index)


def rows_that_stay(train: pd.DataFrame, seed: int) -> np.ndarray:
    """Bool [N]: one row of each class, drawn at random, and what shares a group with one."""
    shuffled = train["label"].iloc[np.random.default_rng(seed).permutation(len(train))]
    first = first_of_classes(shuffled)
    stay = np.isin(train.index, first)
    return np.asarray(train["group"].isin(set(train["group"][stay]))) if "group" in train else stay


def first_of_classes(labels: pd.Series) -> pd.Index:
    """The index of the first row of each class."""
    each = labels.explode().dropna()
    return each.index[~each.duplicated().to_numpy()].unique()


def single_classes(train: pd.DataFrame) -> list[str]:
    """Classes with one row (one group, where there are groups)."""
    each = train.explode("label").dropna(subset="label")
    counts = each.groupby("label")["group"].nunique() if "group" in each else each["label"].value_counts()
    return sorted(counts.index[counts < 2])


def missing_classes(frames: Frames, label_names: Sequence[str]) -> list[str]:
    """Warnings for the classes that a split lacks."""
    warnings = []
    for split, frame in frames.items():
        lacking = [name for name in label_names if name not in class_names(frame)]
        if lacking:
            shown = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
            warnings.append(f"no {split} text has the label {shown}: its scores there are 0 or missing")
    return warnings
