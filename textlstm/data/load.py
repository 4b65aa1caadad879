"""From a source to three clean splits of a `DatasetDict` with one `ClassLabel`, or lists of it.

Order: read, drop empty texts, count copies, remove those of train, split what was not given (by
groups, if there are any), take a share of train, check the labels, count copies again.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from textlstm.data.deduplicate import remove_copies
from textlstm.data.duplicates import Copies, count_copies, describe_copies, kinds_of_copy, number_copies
from textlstm.data.groups import describe_groups, number_groups, shared_groups
from textlstm.data.label_sets import check_separator, class_names, missing_classes, names_in, same_kind
from textlstm.data.labels import check_labels, sort_labels
from textlstm.data.near_duplicates import NO_PAIRS, near_pairs
from textlstm.data.source import SPLITS, DatasetSource, Frames
from textlstm.data.splits import check_shares, complete_splits, take_share
from textlstm.errors import UserError


@dataclass
class LoadedData:
    """The splits, and what was done to get them.

    duplicates: counts of copies (`textlstm.data.duplicates`), None where they were not asked for.
    in_train: for each test text `exact` or `near` where train has such a copy of it, else an empty string.
    groups: what became of `dataset.group_column`, None without it.
    """

    splits: DatasetDict
    label_names: list[str]
    fingerprint: str
    duplicates_removed: int = 0
    empty_texts_dropped: int = 0
    warnings: list[str] = field(default_factory=list)
    duplicates: dict[str, Any] | None = None
    in_train: np.ndarray | None = None
    groups: dict[str, Any] | None = None

    @property
    def multi_label(self) -> bool:
        """Whether a text may have several labels."""
        return isinstance(next(iter(self.splits.values())).features["label"], List)

    @property
    def pairs(self) -> bool:
        """Whether an example is two texts."""
        return "text_pair" in next(iter(self.splits.values())).features


def load_data(source: DatasetSource, *, count: bool = True) -> LoadedData:
    """Read `source` and give train, validation and test with the columns `text` and `label`, for pairs `text_pair` as well.

    Without `count` copies are looked for only as far as they are to be removed; the splits are the same.

    Raises `UserError` for an empty split, fewer than two classes, a label that train lacks, and with `count` for
    settings of a split that is given.
    """
    frames = source.read()
    if "train" not in frames:
        raise UserError("There is no training data.\nGive it: dataset.train=FILE.")
    if count:
        check_shares(source, frames)
    several = same_kind(frames)
    if several:
        check_separator(frames, source.label_separator)
    frames, empty = drop_empty_texts(frames)
    frames, alone = number_groups(frames)
    given, texts = number_copies(frames)
    copies = Copies(texts, near_pairs(texts) if count or source.deduplicate == "near" else NO_PAIRS)
    frames, removed = remove_copies(given, copies, source.deduplicate)
    frames, warnings = complete_splits(frames, source, removed=removed)
    frames["train"] = take_share(frames["train"], source.train_share, source.split_seed)
    label_names = sort_labels(class_names(frames["train"]))
    check_labels(frames, label_names)
    if several:
        warnings += missing_classes(frames, label_names)
    splits = to_datasets(frames, label_names)
    data = LoadedData(splits, label_names, fingerprint(splits), removed, empty, warnings)
    if source.group_column:
        shared = shared_groups(given)
        data.groups = describe_groups(frames, column=source.group_column, without=alone, shared=shared)
        data.warnings += group_warnings(data.groups)
    if count:
        counts = count_copies(given, copies)
        data.duplicates = describe_copies(
            counts, count_copies(frames, copies), removed=source.deduplicate, frames=given
        )
        data.in_train = kinds_of_copy(frames["test"], frames["train"], copies)
        data.warnings += conflict_warnings(counts, kept=source.deduplicate == "none", several=several)
    return data


def load_evaluation_data(
    source: DatasetSource,
    split: str,
    *,
    label_names: list[str],
    as_in_training: bool,
    multi_label: bool = False,
    pairs: bool = False,
) -> LoadedData:
    """One split of `source`, labelled with a trained model's own classes.

    `as_in_training` divides and cleans the data as the run did; else a split that the source gives
    is taken as it stands, and only a missing one is taken off train. `multi_label`, `pairs`: what the model was trained
    for. Raises `UserError` for other classes, and for data of another kind.
    """
    frames = {} if as_in_training else source.read()
    removed, empty = 0, 0
    if as_in_training or ("train" in frames and split not in frames):
        data = load_data(source, count=False)
        removed, empty = data.duplicates_removed, data.empty_texts_dropped
        frames = {split: frame_of(data.splits[split], data.label_names)}
    if split not in frames:
        raise UserError(
            f"The data has no {split} split.\nIt has: {', '.join(frames)}. Choose one: split={next(iter(frames))}."
        )
    frames, dropped = drop_empty_texts({split: frames[split]})
    check_kind(several=same_kind(frames), multi_label=multi_label, pairs=pairs, given="text_pair" in frames[split])
    check_labels(frames, label_names, trained="the checkpoint's classes")
    splits = to_datasets(frames, label_names)
    return LoadedData(splits, label_names, fingerprint(splits), removed, empty + dropped)


def check_kind(*, several: bool, multi_label: bool, pairs: bool, given: bool) -> None:
    """Raise `UserError` for single labels or texts where the model has sets or pairs, and the other way round."""
    if several != multi_label:
        raise UserError(
            f"The data give {'lists of labels' if several else 'one label a text'}, and the checkpoint was trained with {'lists of labels' if multi_label else 'one label a text'}.\n"
            "Name a column of the same kind: dataset.label_column, or set dataset.label_separator."
        )
    if pairs != given:
        raise UserError(
            "The checkpoint reads pairs of texts, and the data give one text.\nName the second: dataset.text_pair_column=COLUMN."
            if pairs
            else "The data give pairs of texts, and the checkpoint reads one text.\nLeave dataset.text_pair_column out."
        )


def group_warnings(groups: dict[str, Any]) -> list[str]:
    """Groups that stand on both sides, and rows without one."""
    column, warnings = groups["column"], []
    for both in groups["in_two_given_splits"]:
        warnings.append(
            f"groups of '{column}' that stand in both {both['split']} and {both['other']}, as they were given: {both['groups']:,}"
        )
    if groups["rows_without"]:
        warnings.append(f"rows without a value in '{column}', each a group of its own: {groups['rows_without']:,}")
    return warnings


def conflict_warnings(counts: dict[str, Any], *, kept: bool, several: bool) -> list[str]:
    """Training texts with several labels, or several sets of them."""
    conflicts = counts["inside"]["train"]["label_conflicts"]
    if not conflicts:
        return []
    stand = "1 training text stands" if conflicts == 1 else f"{conflicts:,} training texts stand"
    return [
        f"{stand} there with several {'sets of labels' if several else 'labels'}: {'all rows are' if kept else 'the first row is'} kept"
    ]


def frame_of(split: Dataset, label_names: list[str]) -> pd.DataFrame:
    """A split as a frame with class names."""
    labels = [
        label_names[found] if isinstance(found, int) else tuple(sorted(label_names[i] for i in found))
        for found in split["label"]
    ]
    texts = {name: list(split[name]) for name in ("text", "text_pair") if name in split.features}
    return pd.DataFrame(texts | {"label": labels})


def drop_empty_texts(frames: Frames) -> tuple[Frames, int]:
    """Drop texts of nothing but white space, and pairs with one; raise if a split has no other."""
    kept, dropped = {}, 0
    for split, frame in frames.items():
        filled = frame["text"].str.strip() != ""
        if "text_pair" in frame:
            filled &= frame["text_pair"].str.strip() != ""
        if not filled.any():
            if "text_pair" in frame:
                raise UserError(
                    f"The {split} split has no pairs: a text is empty in each of its {len(frame)}.\n"
                    "Check dataset.text_column and dataset.text_pair_column."
                )
            raise UserError(f"The {split} split has no texts: all {len(frame)} are empty.\nCheck dataset.text_column.")
        kept[split] = frame[filled].reset_index(drop=True)
        dropped += int((~filled).sum())
    return kept, dropped


def to_datasets(frames: Frames, label_names: list[str]) -> DatasetDict:
    """Frames of strings to datasets with one `ClassLabel` for all splits, or lists of it."""
    number = {name: i for i, name in enumerate(label_names)}
    several = same_kind(frames)
    texts = [name for name in ("text", "text_pair") if name in next(iter(frames.values()))]
    label = ClassLabel(names=label_names)
    features = Features({name: Value("string") for name in texts} | {"label": List(label) if several else label})
    made = {}
    for split in SPLITS:
        if split in frames:
            named = frames[split]["label"]
            labels = [sorted(number[name] for name in row) if several else number[row] for row in named]
            columns = {name: frames[split][name].tolist() for name in texts} | {"label": labels}
            made[split] = Dataset.from_dict(columns, features=features)
    return DatasetDict(made)


def fingerprint(splits: DatasetDict) -> str:
    """A hash of every text and label of every split, in order: equal data, equal fingerprint."""
    digest = hashlib.sha256()
    for split, rows in splits.items():
        digest.update(f"{split}:{len(rows)}:{names_in(rows)};".encode())
        for text, label in zip(rows["text"], rows["label"], strict=True):
            digest.update(f"{label}:{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        for text in rows["text_pair"] if "text_pair" in rows.features else ():
            digest.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
