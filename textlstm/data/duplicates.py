"""Copies of texts inside of a split and across splits, exact and near, and texts with several labels: counted.

Two texts are exact copies where they are equal after `normalise`: compatibility characters, case and
white space make no difference, as they make none to the default tokenizer. Near ones: `textlstm.data.near_duplicates`.
No count depends on the order of rows.
"""

import unicodedata
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from textlstm.data.label_sets import shown_label
from textlstm.data.near_duplicates import MINIMUM_WORDS, SHINGLE_WORDS, THRESHOLD, NearPairs
from textlstm.data.source import SPLITS, Frames

ROWS_LISTED = 100
EXAMPLES, EXAMPLE_LETTERS = 3, 200


@dataclass(frozen=True)
class Copies:
    """All different texts, normalised and sorted: a text's number is its place, the column `copy` of frames."""

    texts: list[str]
    near: NearPairs

    def present(self, *frames: pd.DataFrame) -> np.ndarray:
        """Which texts stand in one of `frames`."""
        found = np.zeros(len(self.texts), bool)
        for frame in frames:
            found[frame["copy"]] = True
        return found

    def near_to(self, present: np.ndarray) -> np.ndarray:
        """Which texts have a near duplicate among those that are `present`."""
        found = np.zeros(len(self.texts), bool)
        found[self.near.first[present[self.near.second]]] = True
        found[self.near.second[present[self.near.first]]] = True
        return found

    def families(self, present: np.ndarray) -> np.ndarray:
        """A number for each text, equal for those that near duplicates link by way of others that are `present`."""
        linked = present[self.near.first] & present[self.near.second]
        first, second = self.near.first[linked], self.near.second[linked]
        size = len(self.texts)
        graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(size, size))
        return np.asarray(connected_components(graph, directed=False)[1])


def normalise(text: str) -> str:
    """What is compared: NFKC, case folded, each run of white space one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def compared(frame: pd.DataFrame) -> pd.Series:
    """What of each row is compared: its text, or both texts of a pair."""
    texts = frame["text"].map(normalise)
    # No normalised text holds a line break: a pair is equal where both its texts are.
    return texts + "\n" + frame["text_pair"].map(normalise) if "text_pair" in frame else texts


def number_copies(frames: Frames) -> tuple[Frames, list[str]]:
    """Give each row the number of its text (`copy`), equal for exact copies, and all different texts in their order."""
    joined = pd.concat([compared(frame) for frame in frames.values()], ignore_index=True)
    numbers, texts = pd.factorize(joined.to_numpy(object), sort=True)
    ends = np.cumsum([len(frame) for frame in frames.values()])
    parts = np.split(numbers, ends[:-1])
    return {
        split: frame.assign(copy=part) for (split, frame), part in zip(frames.items(), parts, strict=True)
    }, texts.tolist()


def count_copies(frames: Frames, copies: Copies) -> dict[str, Any]:
    """Copies and label conflicts inside of each split, and across each two."""
    return {
        "inside": {split: count_inside(frame, copies) for split, frame in frames.items()},
        # Each later split against each earlier one: what was tested against what was learned.
        "across": [
            {"split": split, "other": other} | count_across(frames[split], frames[other], copies)
            for split, other in combinations([split for split in reversed(SPLITS) if split in frames], 2)
        ],
    }


def count_inside(frame: pd.DataFrame, copies: Copies) -> dict[str, int]:
    """texts; exact: those beyond the first of equal ones; near: further ones beyond the first of a family; label_conflicts: different texts with several labels."""
    present = copies.present(frame)
    different = int(present.sum())
    families = len(np.unique(copies.families(present)[present]))
    return {
        "texts": len(frame),
        "exact": len(frame) - different,
        "near": different - families,
        "label_conflicts": int((frame.groupby("copy")["label"].nunique() > 1).sum()),
    }


def count_across(frame: pd.DataFrame, other: pd.DataFrame, copies: Copies) -> dict[str, Any]:
    """exact, near: texts of `frame` that have such a copy in `other`; label_conflicts: an exact one with another label."""
    kinds = kinds_of_copy(frame, other, copies)
    merged = (
        frame[["copy", "label"]].reset_index(names="row").merge(other[["copy", "label"]].drop_duplicates(), on="copy")
    )
    rows = {kind: np.flatnonzero(kinds == kind) for kind in ("exact", "near")}
    return {
        **{kind: len(found) for kind, found in rows.items()},
        "label_conflicts": int(merged["row"][merged["label_x"] != merged["label_y"]].nunique()),
        "rows": {kind: found[:ROWS_LISTED].tolist() for kind, found in rows.items()},
    }


def kinds_of_copy(frame: pd.DataFrame, other: pd.DataFrame, copies: Copies) -> np.ndarray:
    """For each row of `frame`: `exact` where its text stands in `other`, `near` where only a near duplicate does, else an empty string."""
    present = copies.present(other)
    numbers = frame["copy"].to_numpy()
    near = copies.near_to(present)[numbers]
    return np.where(present[numbers], "exact", np.where(near, "near", "")).astype(object)


def shown_texts(rows: pd.DataFrame) -> list[str]:
    """Texts for people: of a pair both, with `<sep>` between them."""
    if "text_pair" not in rows:
        return list(rows["text"])
    return [f"{text} <sep> {other}" for text, other in zip(rows["text"], rows["text_pair"], strict=True)]


def conflict_examples(frames: Frames) -> list[dict[str, Any]]:
    """The first texts, in alphabetical order, that have several labels: `text`, and the rows of each label by split."""
    rows = pd.concat([frame.assign(split=split) for split, frame in frames.items()], ignore_index=True)
    labels = rows.groupby("copy")["label"].nunique()
    examples = []
    for number in labels.index[labels > 1][:EXAMPLES]:
        same = rows[rows["copy"] == number]
        text = str(shown_texts(same)[0])
        examples.append(
            {
                "text": text if len(text) <= EXAMPLE_LETTERS else text[: EXAMPLE_LETTERS - 1] + "…",
                "labels": {
                    split: part["label"].map(shown_label).value_counts().sort_index().to_dict()
                    for split, part in same.groupby("split")
                },
            }
        )
    return examples


def describe_copies(given: dict[str, Any], used: dict[str, Any], *, removed: str, frames: Frames) -> dict[str, Any]:
    """What stands in a report: how copies are found, the counts as `given` (of `frames`) and as `used`."""
    return {
        "normalisation": "NFKC, case folded, white space collapsed",
        "near": {"similarity": THRESHOLD, "shingle_words": SHINGLE_WORDS, "minimum_words": MINIMUM_WORDS},
        "removed": removed,
        "given": given,
        "used": used,
        "conflict_examples": conflict_examples(frames),
    }
