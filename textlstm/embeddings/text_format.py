"""Vectors as text: a word and its numbers on each line, as GloVe, word2vec and fastText write them.

A first line of two whole numbers, rows and width, is word2vec's and fastText's; GloVe writes none.
"""

import csv
import io
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from textlstm.embeddings.given_file import GivenFile
from textlstm.embeddings.vectors import Block, Blocks
from textlstm.errors import UserError

BLOCK = 8 * 1024 * 1024
"""Bytes that are turned into numbers at a time."""

LONGEST_LINE = 1024 * 1024
HEADER = re.compile(rb"(\d+) (\d+)\s*")


def read_text(given: GivenFile) -> Blocks:
    """The words and vectors of the file; raise `UserError` for the first line that is no such row."""
    with given.open() as file:
        first = file.readline(LONGEST_LINE)
        header = HEADER.fullmatch(first)
        if header:
            first = file.readline(LONGEST_LINE)
        size = first.rstrip().count(b" ")
        if size < 2:
            raise _no_vectors(given, first)
        lines, rows = [first, *file.readlines(BLOCK)], 0
        while lines:
            yield _parse(given, lines, size, rows)
            rows += len(lines)
            lines = file.readlines(BLOCK)
    if header and (rows, size) != tuple(map(int, header.groups())):
        raise UserError(
            f"{given} says in its first line {header[1].decode()} rows of {header[2].decode()} numbers, and holds {rows} of {size}.\n"
            "Is the file complete? If it was shortened on purpose, correct that line or take it away."
        )


def _no_vectors(given: GivenFile, line: bytes) -> UserError:
    shown = line[:60].decode("utf-8", "replace").strip()
    if not shown.isprintable():
        return UserError(
            f"{given} holds no vectors as text: it is a binary file.\n"
            "embedding=word2vec reads word2vec's .bin files, embedding=fasttext those of fastText from 2017 on."
        )
    return UserError(f"{given} holds no vectors: a line reads '{shown}'.\nGive a file in GloVe's text format.")


def _parse(given: GivenFile, lines: Sequence[bytes], size: int, rows: int) -> Block:
    words, tails = [], []
    for number, line in enumerate(lines, start=rows + 1):
        word, _, tail = line.rstrip().partition(b" ")
        if tail.count(b" ") != size - 1:
            # From the right: some tokens of GloVe 840B hold spaces.
            word, *parts = line.rstrip().rsplit(b" ", size)
            if len(parts) != size:
                raise UserError(
                    f"{given}: row {number} has {len(parts)} numbers, the first has {size}.\nIs the file complete?"
                )
            tail = b" ".join(parts)
        words.append(word.decode("utf-8", "replace"))
        tails.append(tail)
    vectors = _numbers(tails, size)
    if vectors is None:
        wrong = next(number for number, tail in enumerate(tails) if _numbers([tail], size) is None)
        if rows + wrong == 0 and not lines[0][:60].decode("utf-8", "replace").strip().isprintable():
            raise _no_vectors(given, lines[0])
        raise UserError(
            f"{given}: the vector of '{words[wrong][:60]}' is not made of numbers.\nGive a file in GloVe's text format."
        )
    return words, vectors


def _numbers(tails: Sequence[bytes], size: int) -> np.ndarray | None:
    """float32 [n, E]; None where one is not a finite number."""
    try:
        # Four times as fast as numpy's reader, and four times as fast as float() one by one.
        frame = pd.read_csv(
            io.BytesIO(b"\n".join(tails)),
            sep=" ",
            header=None,
            names=range(size),
            dtype=np.float32,
            na_filter=False,
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            engine="c",
        )
    except ValueError:
        return None
    vectors = frame.to_numpy()
    return vectors if vectors.shape == (len(tails), size) and np.isfinite(vectors).all() else None
