"""Vectors as text: a word and its numbers on each line, as GloVe, word2vec and fastText write them.

A first line of two whole numbers, rows and width, is word2vec's and fastText's; GloVe writes none.
"""

import codecs
import csv
import io
import itertools
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

FRACTION = re.compile(rb"[-+]?\d*\.\d+([eE][-+]?\d+)?")
"""A number of a vector; whole ones may end a phrase, such as `route 66`."""

HEAD = 64 * 1024
"""Bytes in which a file that cannot be read as text is looked at."""

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
"""Characters that text does not hold."""


def read_text(given: GivenFile) -> Blocks:
    """The words and vectors of the file; raise `UserError` for the first line that is no such row."""
    with given.open() as file:
        first = file.readline(LONGEST_LINE).removeprefix(codecs.BOM_UTF8)
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
        raise _refused(
            given,
            f" says in its first line {header[1].decode()} rows of {header[2].decode()} numbers, and holds {rows} of {size}.\n"
            "Is the file complete? If it was shortened on purpose, correct that line or take it away.",
        )


def _refused(given: GivenFile, why: str) -> UserError:
    """`why` the file is refused; of a binary one, whose lines are none, only that it is binary."""
    with given.open() as file:
        binary = CONTROL.search(file.read(HEAD))
    if binary:
        why = (
            " holds no vectors as text: it is a binary file.\n"
            "embedding=word2vec reads word2vec's .bin files, embedding=fasttext those of fastText from 2017 on."
        )
    return UserError(f"{given}{why}")


def _no_vectors(given: GivenFile, line: bytes) -> UserError:
    if not line:
        return _refused(given, " holds no vectors: there is no row in it.\nIs the file complete?")
    shown = line[:60].decode("utf-8", "replace").rstrip()
    return _refused(
        given,
        f" holds no vectors: a line reads {shown!r}.\n"
        "Give a file of text with a word and its numbers on each line, a space between each two.",
    )


def _parse(given: GivenFile, lines: Sequence[bytes], size: int, rows: int) -> Block:
    words, tails = [], []
    for number, line in enumerate(lines, start=rows + 1):
        word, _, tail = line.rstrip().partition(b" ")
        if tail.count(b" ") != size - 1:
            # From the right: some tokens of GloVe 840B hold spaces.
            word, *parts = line.rstrip().rsplit(b" ", size)
            found = len(parts) + _count_fractions(word.split(b" ")[1:])
            if found != size:
                raise _refused(
                    given, f": row {number} has {found} numbers, the first has {size}.\nIs the file complete?"
                )
            tail = b" ".join(parts)
        words.append(word.decode("utf-8", "replace"))
        tails.append(tail)
    vectors = _numbers(tails, size)
    if vectors is None:
        wrong = next(number for number, tail in enumerate(tails) if _numbers([tail], size) is None)
        raise _refused(
            given,
            f": the vector of '{words[wrong][:60]}' is not made of finite numbers.\n"
            "Give a file of text with a word and its numbers on each line, a space between each two.",
        )
    return words, vectors


def _count_fractions(parts: Sequence[bytes]) -> int:
    """How many of `parts`, from the last one on, are no part of a word but numbers of a row that is too long."""
    return sum(1 for _ in itertools.takewhile(FRACTION.fullmatch, reversed(parts)))


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
