"""Word vectors from a file in GloVe's text format: a word and its numbers on each line.

Pennington, Socher and Manning 2014. Plain, `.gz` or `.zip`. The words of such files stand in order of frequency.
"""

from textlstm.embeddings.cache import cached_vectors
from textlstm.embeddings.file_source import FileEmbedding
from textlstm.embeddings.text_format import read_text
from textlstm.embeddings.vectors import WordVectors


class GloveEmbedding(FileEmbedding):
    """Vectors of a file; the embedding size follows it."""

    def open(self) -> WordVectors:
        """From the cache."""
        return cached_vectors(self.given(), "text", read_text)
