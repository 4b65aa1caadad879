"""Word vectors from a file of Google's word2vec: its `.bin` format, or its text format.

Mikolov et al. 2013. The binary format: a line `ROWS WIDTH`, then for each word its UTF-8, a space, WIDTH
little-endian float32, and as a rule a line break. What is in a file is seen from its bytes, not from its name;
both may be packed (`.gz`, `.zip`), as GoogleNews-vectors-negative300.bin.gz is.
"""

import re
from typing import IO

import numpy as np

from textlstm.embeddings.cache import cached_vectors
from textlstm.embeddings.file_source import FileEmbedding
from textlstm.embeddings.given_file import GivenFile
from textlstm.embeddings.text_format import HEADER, LONGEST_LINE, read_text
from textlstm.embeddings.vectors import Block, Blocks, WordVectors
from textlstm.errors import UserError

CHUNK = 16 * 1024 * 1024
PRINTABLE = re.compile(rb"[\x20-\x7e\s]*")


class Word2vecEmbedding(FileEmbedding):
    """Vectors of a word2vec file; the embedding size follows it."""

    def open(self) -> WordVectors:
        """From the cache."""
        return cached_vectors(self.given(), "word2vec", read_word2vec)


def read_word2vec(given: GivenFile) -> Blocks:
    """The words and vectors of a file in either format."""
    if not is_binary(given):
        yield from read_text(given)
        return
    with given.open() as file:
        header = HEADER.fullmatch(file.readline(LONGEST_LINE))
        assert header is not None
        rows, size = map(int, header.groups())
        yield from _read_binary(given, file, rows, size)


def is_binary(given: GivenFile) -> bool:
    """Whether there is a header as text, and no text behind the first word."""
    with given.open() as file:
        header, second = file.readline(LONGEST_LINE), file.readline(LONGEST_LINE)
    return HEADER.fullmatch(header) is not None and not PRINTABLE.fullmatch(second.partition(b" ")[2])


def _read_binary(given: GivenFile, file: IO[bytes], rows: int, size: int) -> Blocks:
    width, row, rest = 4 * size, 0, b""
    while row < rows:
        chunk = file.read(CHUNK)
        if not chunk:
            raise UserError(f"{given} ends in row {row + 1} of {rows}.\nIs the file complete?")
        data, at = rest + chunk, 0
        words, numbers = [], []
        while row < rows:
            end = data.find(b" ", at)
            if end < 0 or end + 1 + width > len(data):
                break
            words.append(data[at:end].removeprefix(b"\n"))
            numbers.append(data[end + 1 : end + 1 + width])
            at, row = end + 1 + width, row + 1
        rest = data[at:]
        if words:
            yield _as_block(given, words, b"".join(numbers), size)
    if (rest + file.read(1)).strip(b"\n"):
        raise UserError(
            f"{given} says in its first line {rows} rows of {size} numbers, and holds more.\nIs it word2vec's .bin format, and is the file whole?"
        )


def _as_block(given: GivenFile, words: list[bytes], numbers: bytes, size: int) -> Block:
    vectors = np.frombuffer(numbers, "<f4").reshape(len(words), size)
    whole = np.isfinite(vectors).all(axis=1)
    # Where the width is not that of the file, words are cut out of numbers.
    wrong = next((at for at, word in enumerate(words) if not whole[at] or b"\n" in word), None)
    if wrong is not None:
        word = words[wrong][:40].decode("utf-8", "replace")
        raise UserError(
            f"{given}: the vector of {word!r} is not made of finite numbers.\nIs it word2vec's .bin format, and is the file whole?"
        )
    return [word.decode("utf-8", "replace") for word in words], vectors
