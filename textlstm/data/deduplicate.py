"""What `dataset.deduplicate` removes: copies in train, before any split is taken off it. A given split is never changed."""

import numpy as np
import pandas as pd

from textlstm.data.duplicates import Copies
from textlstm.data.near_duplicates import SHINGLE_WORDS, WORD, hash_words, mix
from textlstm.data.source import Frames
from textlstm.errors import UserError

NESTED_SHARE = 0.2
LONGEST_PHRASE = 25


def remove_copies(frames: Frames, copies: Copies, kind: str) -> tuple[Frames, int]:
    """Keep the first of equal texts in train (`exact`; with `near` of each family), and none that also stands in another split.

    Raises `UserError` where nothing is left, and for `near` where train is made of nested phrases.
    """
    if kind == "none":
        return frames, 0
    train = frames["train"]
    numbers = train["copy"].to_numpy()
    elsewhere = copies.present(*(frame for split, frame in frames.items() if split != "train"))
    kept = ~train["copy"].duplicated().to_numpy() & ~elsewhere[numbers]
    if kind == "near":
        refuse_nested([copies.texts[number] for number in np.unique(numbers)])
        kept &= ~copies.near_to(elsewhere)[numbers]
        families = copies.families(copies.present(train[kept]))
        places = np.flatnonzero(kept)
        kept[places[pd.Series(families[numbers[places]]).duplicated()]] = False
    if not kept.any():
        raise UserError(
            "Every training text also stands in validation or test.\nUse dataset.deduplicate=none to keep them."
        )
    return {**frames, "train": train[kept].reset_index(drop=True)}, int((~kept).sum())


def refuse_nested(texts: list[str]) -> None:
    """Raise `UserError` where many `texts` are parts of others: their near duplicates are what they are made of."""
    share = nested_share(texts)
    if share >= NESTED_SHARE:
        raise UserError(
            f"dataset.deduplicate=near: {share:.0%} of the training texts are contiguous parts of others (at most {NESTED_SHARE:.0%} are allowed).\n"
            "Among nested phrases a near duplicate is the rule, and removing it would remove what they teach.\n"
            "Use dataset.deduplicate=exact, or dataset.group_column to keep the phrases of a sentence together."
        )


def nested_share(texts: list[str]) -> float:
    """The share of different `texts` that have 3 to 25 words and stand, word for word, inside of a longer one.

    Where texts of that length alone are too few to matter, their share is given, an upper bound.
    """
    words = [WORD.findall(text) for text in texts]
    lengths = np.array([len(found) for found in words])
    short = (lengths >= SHINGLE_WORDS) & (lengths <= LONGEST_PHRASE)
    if short.mean() < NESTED_SHARE:
        return float(short.mean())
    hashes = hash_words(words)
    begins = np.cumsum(lengths) - lengths
    # How many words of its text follow each word, itself included; and how long that text is.
    left = np.repeat(begins + lengths, lengths) - np.arange(len(hashes))
    longer = np.repeat(lengths, lengths)
    runs, nested = np.zeros(len(hashes), np.uint64), 0
    for length in range(1, LONGEST_PHRASE + 1):
        # Hashes of runs of `length` words from those of runs of one word less.
        runs = mix(runs[: len(hashes) - length + 1] + hashes[length - 1 :])
        phrases = runs[begins[short & (lengths == length)]]
        size = len(runs)
        inside = runs[(left[:size] >= length) & (longer[:size] > length)]
        nested += int(np.isin(phrases, inside).sum())
    return nested / len(texts)
