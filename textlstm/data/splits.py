"""The splits that were not given, taken off train, and a share of what stays there.

Stratified by class, several labels by their combinations (`textlstm.data.label_sets`); where `dataset.group_column` is set no group comes apart (`textlstm.data.groups`).
"""

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from textlstm.data.groups import choose_groups, share_of_groups
from textlstm.data.label_sets import (
    class_names,
    first_of_classes,
    is_multi_label,
    rows_that_stay,
    single_classes,
    strata,
)
from textlstm.data.source import DatasetSource, Frames
from textlstm.errors import UserError


def complete_splits(frames: Frames, source: DatasetSource, *, removed: int = 0) -> tuple[Frames, list[str]]:
    """Take the missing validation and test splits off train, stratified by class.

    Shares are of the rows before any is taken, so 0.1 and 0.2 give 70 / 10 / 20%. A class too small
    to be divided (one row, or one group) stays in train, with a warning. `removed`, the number of copies
    that left train, is for the message where too few rows are left.
    """
    total, warnings = len(frames["train"]), []
    for split, share in (("test", source.test_share), ("validation", source.validation_share)):
        if split in frames:
            continue
        train = frames["train"]
        several = is_multi_label(train)
        small = single_classes(train) if several else indivisible_classes(train)
        if small:
            unit = "groups" if "group" in train else "rows"
            warnings.append(f"too few {unit} to take {split} texts from: {', '.join(small)} (all stay in train)")
        leaves = ~rows_that_stay(train, source.split_seed) if several else may_leave(train, small)
        movable, wanted = np.flatnonzero(leaves), round(share * total)
        rows = train.iloc[movable]
        if several and len(rows):
            rows = rows.assign(label=strata(rows["label"], wanted / len(rows)))
        chosen = choose(rows, wanted, source.split_seed)
        if chosen is None:
            raise too_few(train, split, removed)
        taken = movable[chosen]
        staying = np.setdiff1d(np.arange(len(train)), taken)
        frames = {**frames, "train": train.iloc[staying], split: train.iloc[np.sort(taken)]}
    return {split: frame.reset_index(drop=True) for split, frame in frames.items()}, warnings


def check_shares(source: DatasetSource, frames: Frames) -> None:
    """Raise `UserError` for a share, or a seed, of splits that are given: it could not act."""
    idle = [f"{split}_share" for split in ("validation", "test") if split in frames]
    if len(idle) == 2 and source.train_share == 1:
        idle.append("split_seed")
    for name in idle:
        value = getattr(source, name)
        if value != type(source).model_fields[name].default:
            whole = "validation and test are" if name == "split_seed" else f"the {name.split('_')[0]} split is"
            raise UserError(f"dataset.{name}={value} has no effect: {whole} given.\nLeave it out.")


def indivisible_classes(train: pd.DataFrame) -> list[str]:
    """Classes with fewer than two rows (two groups, where there are groups)."""
    # Two a class are what a split needs; with fewer nothing could be learned or judged.
    counts = train.groupby("label")["group"].nunique() if "group" in train else train["label"].value_counts()
    return sorted(counts.index[counts < 2])


def may_leave(train: pd.DataFrame, small: list[str]) -> pd.Series:
    """Which rows may be taken: none of a class in `small`, and none that shares a group with one."""
    fixed = train["label"].isin(small)
    if "group" in train:
        fixed = train["group"].isin(set(train["group"][fixed]))
    return ~fixed


def choose(movable: pd.DataFrame, wanted: int, seed: int) -> np.ndarray | None:
    """Places of the `wanted` rows of `movable` that are taken, at least one a class; None where there are too few."""
    classes = movable["label"].nunique()
    wanted = max(wanted, classes)
    if not classes or len(movable) - wanted < classes:
        return None
    if "group" in movable:
        return choose_groups(movable, wanted / len(movable), seed)
    _, chosen = train_test_split(
        np.arange(len(movable)), test_size=wanted, random_state=seed, stratify=movable["label"]
    )
    return np.asarray(chosen)


def too_few(train: pd.DataFrame, split: str, removed: int) -> UserError:
    """What to say where no split can be taken off train."""
    groups = f" in {train['group'].nunique()} groups" if "group" in train else ""
    copies = f", after {removed} copies were removed," if removed else ""
    keep = ", or keep copies: dataset.deduplicate=none" if removed else ""
    return UserError(
        f"{len(train)} training rows{groups} in {len(class_names(train))} classes{copies} are too few to take a {split} split from.\n"
        f"Give more {'groups' if groups else 'rows'}, or a file: dataset.{split}=FILE{keep}."
    )


def take_share(train: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """That share of each class (of all texts, where they have several labels), at least one text, in the order of the rows; a smaller share is part of a larger one.

    Where there are groups, whole ones are taken: half of the documents, not half of the sentences of each.
    """
    if share == 1:
        return train
    if "group" in train:
        return train[share_of_groups(train, share, seed)].reset_index(drop=True)
    shuffled = train.iloc[np.random.default_rng(seed).permutation(len(train))]
    if is_multi_label(train):
        kept = shuffled.index[: int(np.ceil(share * len(train)))].union(first_of_classes(shuffled["label"]))
        return train.loc[kept].reset_index(drop=True)
    place, size = shuffled.groupby("label").cumcount(), shuffled.groupby("label")["label"].transform("size")
    return shuffled[place < np.ceil(share * size)].sort_index().reset_index(drop=True)
