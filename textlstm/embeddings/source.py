"""What every embedding source gives: words for the vocabulary, a table of vectors, its coverage."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.section import Section


@dataclass(frozen=True)
class EncoderSource:
    """A pretrained encoder that makes the vectors of a text's tokens.

    path: where its weights are. config: its configuration, as plain values. features: `last` or `mix`. before, behind:
    ids of the special tokens that it expects around a text. unknown: id for tokens that it does not know.
    """

    path: str
    config: dict[str, Any]
    features: str
    before: tuple[int, ...]
    behind: tuple[int, ...]
    unknown: int

    def settings(self, trainable: bool) -> dict[str, Any]:
        """As the network's configuration keeps it."""
        names = ("config", "features", "before", "behind", "unknown")
        values = {name: getattr(self, name) for name in names}
        return values | {"trainable": trainable, "before": list(self.before), "behind": list(self.behind)}


@dataclass
class EmbeddingTable:
    """Vectors for a vocabulary.

    vectors: float32 [V, E], NaN where the model's own initialisation is to stand; None where it is to stand everywhere.
    covered: bool [V], the rows that the source knows; None where the notion has no meaning.
    other_case: bool [V], those of `covered` that the source writes in another case (Paris for paris).
    composed: bool [V], rows beyond `covered` that were put together from parts of the word.
    encoder: what makes the vectors from whole texts instead of a table, or None.
    """

    size: int
    vectors: np.ndarray | None = None
    covered: np.ndarray | None = None
    other_case: np.ndarray | None = None
    composed: np.ndarray | None = None
    encoder: EncoderSource | None = None


class SourceWords(NamedTuple):
    """Words that a source has, the most frequent first, and how many of them always join the vocabulary."""

    known: Sequence[str] = ()
    always: int = 0


class EmbeddingSource(Section):
    """Where the first vectors of the words come from."""

    name: str = Field(min_length=1, description="name of the source")
    trainable: bool = Field(True, description="whether training changes the vectors")

    alone: ClassVar[frozenset[str]] = frozenset(("name", "trainable"))

    def words(self) -> SourceWords:
        """The words that the source has, for the choice of the vocabulary."""
        return SourceWords()

    @abstractmethod
    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """Vectors for `vocabulary` (V tokens); `train_ids` are the training texts as ids, uncut."""


def coverage(
    table: EmbeddingTable, special: Collection[int], train_ids: Sequence[Sequence[int]]
) -> dict[str, float] | None:
    """Share of the vocabulary without its `special` ids, and of the training texts' running tokens, that the source knows.

    `other_case` and `composed` are numbers of rows, and stand there only where there are any.
    """
    if table.covered is None:
        return None
    running = np.concatenate([np.asarray(ids, dtype=np.int64) for ids in train_ids])
    ordinary = np.setdiff1d(np.arange(len(table.covered)), list(special))
    covered = table.covered.copy()
    covered[list(special)] = False  # a file may hold a row <unk>: it says nothing of the tokens that are unknown
    ways = {"other_case": table.other_case, "composed": table.composed}
    rows = {way: int(mask.sum()) for way, mask in ways.items() if mask is not None and mask.any()}
    return {
        "vocabulary": float(covered[ordinary].mean()) if len(ordinary) else 0.0,
        "running_tokens": float(covered[running].mean()) if len(running) else 0.0,
        **rows,
    }
