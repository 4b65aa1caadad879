"""What the sources that read a file have in common: its words for the vocabulary, and a table from its vectors."""

from abc import abstractmethod
from collections.abc import Sequence

from pydantic import Field, PrivateAttr

from textlstm.embeddings.given_file import GivenFile, given_file
from textlstm.embeddings.lookup import word_table
from textlstm.embeddings.pieces import piece_table
from textlstm.embeddings.source import EmbeddingSource, EmbeddingTable, SourceWords
from textlstm.embeddings.vectors import WordVectors
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError


class FileEmbedding(EmbeddingSource):
    """Vectors of a file; the embedding size follows it."""

    path: str | None = Field(None, description="file of vectors; text also packed, as .gz or .zip")
    extra_words: int = Field(20_000, ge=0, description="most frequent words of the file that join the training words")

    _setting: str = PrivateAttr("embedding.path")

    @abstractmethod
    def open(self) -> WordVectors:
        """The words and vectors of the file."""

    def given(self) -> GivenFile:
        """The file; raise `UserError` where there is none."""
        return given_file(self.path, self._setting, self.name)

    def named(self, setting: str) -> None:
        """Let messages name the file as `setting`, where this is a part of another source."""
        self._setting = setting

    def words(self) -> SourceWords:
        """All words of the file, in its order: no text is looked at for them."""
        return SourceWords(self.open().words, self.extra_words)

    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """Words as the file writes them or in another case; pieces from the words that hold them; the rest is drawn."""
        if vocabulary.unit == "characters":
            raise UserError(
                f"embedding={self.name} holds vectors of words, and the tokens are characters.\n"
                "Choose tokenizer=words, or embedding=corpus or random."
            )
        if vocabulary.unit == "pieces":
            return piece_table(self.open(), vocabulary)
        return word_table(self.open(), vocabulary)
