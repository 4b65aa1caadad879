"""From a source to three clean splits of a `DatasetDict` with one `ClassLabel`.

Order: read, drop empty texts, drop repeats, split what was not given, take a share of train, check the labels.
"""

import hashlib
import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from sklearn.model_selection import train_test_split

from textlstm.data.source import SPLITS, DatasetSource, Frames
from textlstm.errors import UserError


@dataclass
class LoadedData:
    """The splits, and what was done to get them."""

    splits: DatasetDict
    label_names: list[str]
    fingerprint: str
    duplicates_removed: int = 0
    empty_texts_dropped: int = 0
    warnings: list[str] = field(default_factory=list)


def load_data(source: DatasetSource) -> LoadedData:
    """Read `source` and give train, validation and test with the columns `text` and `label`.

    Raises `UserError` for an empty split, fewer than two classes, and a label that train lacks.
    """
    frames = source.read()
    if "train" not in frames:
        raise UserError("There is no training data.\nGive it: dataset.train=FILE.")
    frames, empty = drop_empty_texts(frames)
    removed = 0
    if source.deduplicate == "exact":
        frames, removed = remove_repeats(frames)
    frames, warnings = complete_splits(frames, source)
    frames["train"] = take_share(frames["train"], source.train_share, source.split_seed)
    label_names = sort_labels(set(frames["train"]["label"]))
    check_labels(frames, label_names)
    splits = to_datasets(frames, label_names)
    return LoadedData(splits, label_names, fingerprint(splits), removed, empty, warnings)


def load_evaluation_data(
    source: DatasetSource, split: str, *, label_names: list[str], as_in_training: bool
) -> LoadedData:
    """One split of `source`, labelled with a trained model's own classes.

    `as_in_training` divides and cleans the data as the run did; else a split that the source gives
    is taken as it stands, and only a missing one is taken off train.
    """
    frames = {} if as_in_training else source.read()
    if as_in_training or ("train" in frames and split not in frames):
        data = load_data(source)
        frames = {split: frame_of(data.splits[split], data.label_names)}
    if split not in frames:
        raise UserError(
            f"The data has no {split} split.\nIt has: {', '.join(frames)}. Choose one: split={next(iter(frames))}."
        )
    frames, empty = drop_empty_texts({split: frames[split]})
    check_labels(frames, label_names, trained="the checkpoint's classes")
    splits = to_datasets(frames, label_names)
    return LoadedData(splits, label_names, fingerprint(splits), 0, empty)


def frame_of(split: Dataset, label_names: list[str]) -> pd.DataFrame:
    """A split as a frame with class names."""
    return pd.DataFrame({"text": list(split["text"]), "label": [label_names[i] for i in split["label"]]})


def drop_empty_texts(frames: Frames) -> tuple[Frames, int]:
    """Drop texts of nothing but white space; raise if a split has no other."""
    kept, dropped = {}, 0
    for split, frame in frames.items():
        filled = frame["text"].str.strip() != ""
        if not filled.any():
            raise UserError(f"The {split} split has no texts: all {len(frame)} are empty.\nCheck dataset.text_column.")
        kept[split] = frame[filled].reset_index(drop=True)
        dropped += int((~filled).sum())
    return kept, dropped


def remove_repeats(frames: Frames) -> tuple[Frames, int]:
    """Keep the first of equal texts in train, and none that also stands in another given split.

    A given validation or test split is never changed.
    """
    train = frames["train"]
    elsewhere = {text.strip() for split in frames if split != "train" for text in frames[split]["text"]}
    stripped = train["text"].str.strip()
    kept = train[~stripped.duplicated() & ~stripped.isin(elsewhere)].reset_index(drop=True)
    if kept.empty:
        raise UserError(
            "Every training text also stands in validation or test.\nUse dataset.deduplicate=none to keep them."
        )
    return {**frames, "train": kept}, len(train) - len(kept)


def complete_splits(frames: Frames, source: DatasetSource) -> tuple[Frames, list[str]]:
    """Take the missing validation and test splits off train, stratified by class.

    Shares are of the rows before any is taken, so 0.1 and 0.2 give 70 / 10 / 20%. A class too small
    to be divided stays in train, with a warning.
    """
    total, warnings = len(frames["train"]), []
    for split, share in (("test", source.test_share), ("validation", source.validation_share)):
        if split in frames:
            continue
        train = frames["train"]
        counts = train["label"].value_counts()
        # Two rows a class are what stratification needs; with fewer nothing could be learned or judged.
        small = sorted(counts.index[counts < 2])
        movable, fixed = train[~train["label"].isin(small)], train[train["label"].isin(small)]
        if small:
            warnings.append(f"too few rows to take {split} texts from: {', '.join(small)} (all stay in train)")
        wanted = round(share * total)
        classes = movable["label"].nunique()
        wanted = max(wanted, classes)
        if len(movable) - wanted < classes or not classes:
            raise UserError(
                f"{len(train)} training rows in {len(counts)} classes are too few to take a {split} split from.\n"
                f"Give more rows, or a file: dataset.{split}=FILE."
            )
        rest, taken = train_test_split(
            movable, test_size=wanted, random_state=source.split_seed, stratify=movable["label"]
        )
        frames = {
            **frames,
            "train": pd.concat([rest.sort_index(), fixed]).sort_index(),
            split: taken.sort_index(),
        }
    frames = {split: frame.reset_index(drop=True) for split, frame in frames.items()}
    return frames, warnings


def take_share(train: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """That share of each class, at least one text, in the order of the rows; a smaller share is part of a larger one."""
    if share == 1:
        return train
    shuffled = train.iloc[np.random.default_rng(seed).permutation(len(train))]
    place, size = shuffled.groupby("label").cumcount(), shuffled.groupby("label")["label"].transform("size")
    return shuffled[place < np.ceil(share * size)].sort_index().reset_index(drop=True)


def sort_labels(labels: set[str]) -> list[str]:
    """Class names in order; by number where all are whole numbers (so that 10 follows 9)."""
    if all(re.fullmatch("-?[0-9]+", label) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def check_labels(frames: Frames, label_names: list[str], trained: str = "the training split") -> None:
    """Raise for one class only, and for a class that training has not seen."""
    if len(label_names) < 2:
        raise UserError(
            f"All training texts have the label '{label_names[0]}'.\nA classifier needs at least two classes: check dataset.label_column."
        )
    for split, frame in frames.items():
        unknown = sorted(set(frame["label"]) - set(label_names))
        if unknown:
            shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
            known = ", ".join(label_names[:8]) + (" ..." if len(label_names) > 8 else "")
            raise UserError(
                f"The {split} split has labels that are not among {trained}: {shown}.\n"
                f"Known: {known}.\nRelabel or remove those rows, or add training texts for them."
            )


def to_datasets(frames: Frames, label_names: list[str]) -> DatasetDict:
    """Frames of strings to datasets with one `ClassLabel` for all splits."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=label_names)})
    number = {name: i for i, name in enumerate(label_names)}
    return DatasetDict(
        {
            split: Dataset.from_dict(
                {
                    "text": frames[split]["text"].tolist(),
                    "label": frames[split]["label"].map(number).to_numpy(np.int64),
                },
                features=features,
            )
            for split in SPLITS
            if split in frames
        }
    )


def fingerprint(splits: DatasetDict) -> str:
    """A hash of every text and label of every split, in order: equal data, equal fingerprint."""
    digest = hashlib.sha256()
    for split, rows in splits.items():
        digest.update(f"{split}:{len(rows)}:{rows.features['label'].names};".encode())
        for text, label in zip(rows["text"], rows["label"], strict=True):
            digest.update(f"{label}:{len(text)}:{text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
