"""Several sources side by side: the vector of a token is that of the first, then that of the second, and so on.

Widths add up. Every part keeps its own scale: entries of word2vec's or fastText's files are smaller than GloVe's,
and nothing is rescaled. A part without vectors (`random`) leaves its columns to the network's initialisation.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from textlstm.embeddings.corpus import CorpusEmbedding
from textlstm.embeddings.fasttext import FastTextEmbedding
from textlstm.embeddings.file_source import FileEmbedding
from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.random import RandomEmbedding
from textlstm.embeddings.source import EmbeddingSource, EmbeddingTable, SourceWords
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.embeddings.word2vec import Word2vecEmbedding

Part = Literal["corpus", "random", "glove", "word2vec", "fasttext"]
KINDS: dict[str, type[EmbeddingSource]] = {
    "corpus": CorpusEmbedding,
    "random": RandomEmbedding,
    "glove": GloveEmbedding,
    "word2vec": Word2vecEmbedding,
    "fasttext": FastTextEmbedding,
}


class StackEmbedding(EmbeddingSource):
    """The sources named in `parts`, in that order; each has its settings under its name."""

    parts: list[Part] = Field(["corpus", "glove"], description="sources whose vectors are joined, in this order")
    corpus: CorpusEmbedding = CorpusEmbedding(name="corpus")
    random: RandomEmbedding = RandomEmbedding(name="random")
    glove: GloveEmbedding = GloveEmbedding(name="glove")
    word2vec: Word2vecEmbedding = Word2vecEmbedding(name="word2vec")
    fasttext: FastTextEmbedding = FastTextEmbedding(name="fasttext")

    @model_validator(mode="before")
    @classmethod
    def _name_parts(cls, values: Any) -> Any:
        given = {part: dict(values[part]) for part in KINDS if isinstance(values.get(part), dict)}
        for part, settings in given.items():
            for name in ("name", "trainable"):
                if name in settings:
                    raise ValueError(
                        f"embedding.{part}.{name} is not a setting: embedding.{name} is that of all parts."
                    )
            settings["name"] = part
        return {**values, **given}

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        shown = f"embedding.parts=[{','.join(self.parts)}]"
        if len(set(self.parts)) < len(self.parts):
            raise ValueError(
                f"{shown} names a source twice. glove, word2vec and fasttext all read text: name another one."
            )
        if len(self.parts) < 2:
            raise ValueError(f"{shown} is not allowed. It takes at least two; one alone is embedding=NAME.")
        for part, kind in KINDS.items():
            own, usual = getattr(self, part).model_dump(), kind(name=part).model_dump()
            changed = next((name for name in own if own[name] != usual[name]), None)
            if part not in self.parts and changed:
                raise ValueError(
                    f"embedding.{part}.{changed} has no effect: {part} is not among {shown}. Add it, or leave it out."
                )
        for source in self.sources():
            if isinstance(source, FileEmbedding):
                source.named(f"embedding.{source.name}.path")
        return self

    def sources(self) -> list[EmbeddingSource]:
        """The parts, in order."""
        return [getattr(self, part) for part in self.parts]

    def words(self) -> SourceWords:
        """The words of all parts; the first of each, as many as its `extra_words`, always join the vocabulary."""
        offers = [source.words() for source in self.sources()]
        first = dict.fromkeys(word for offer in offers for word in offer.known[: offer.always])
        known = first | dict.fromkeys(word for offer in offers for word in offer.known)
        return SourceWords(list(known), len(first))

    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """The tables of the parts, column by column; a token is covered where any part knows it."""
        tables = [source.build(vocabulary, train_ids) for source in self.sources()]
        size = sum(table.size for table in tables)
        if all(table.vectors is None for table in tables):
            return EmbeddingTable(size)
        blank = [np.full((len(vocabulary), table.size), np.nan, np.float32) for table in tables]
        vectors = [
            empty if table.vectors is None else table.vectors for table, empty in zip(tables, blank, strict=True)
        ]
        none = np.zeros(len(vocabulary), bool)
        covered, as_written, composed = none.copy(), none.copy(), none.copy()
        for table in tables:
            if table.covered is not None:
                covered |= table.covered
                as_written |= table.covered & ~(none if table.other_case is None else table.other_case)
            if table.composed is not None:
                composed |= table.composed
        return EmbeddingTable(size, np.hstack(vectors), covered, covered & ~as_written, composed & ~covered)
