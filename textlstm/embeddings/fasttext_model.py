"""fastText's own binary format, of 2017 and later (versions 11 and 12), mapped into memory: words, and the matrix of words and n-grams.

As `Dictionary::load`, `Args::load` and `DenseMatrix::load` of facebookresearch/fastText read it, all numbers
little-endian: magic and version; twelve int32 and a double of settings; the dictionary, each word ended by a zero
byte; the input matrix, a row for each word and then one for each bucket of hashed n-grams. The output matrix behind
it is not needed.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textlstm.embeddings.given_file import GivenFile
from textlstm.errors import UserError

MAGIC = struct.pack("<i", 793712314)
VERSIONS = (11, 12)
SUPERVISED = 3
"""The kind of model that has no n-grams in version 11."""

SETTINGS = struct.Struct("<12id")
"""dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate; t."""

DICTIONARY = struct.Struct("<3i2q")
"""Entries, words, labels; tokens; size of the index of a pruned model, or -1."""

BEHIND_WORD = 10
"""The zero byte, an int64 count and an int8 kind: a word, or a label, which stand last."""

END_OF_SENTENCE = "</s>"
"""The one word without n-grams."""


@dataclass(frozen=True)
class FastTextModel:
    """matrix: float32 [W + buckets, E]. shortest, longest: characters of the n-grams; longest 0 means none."""

    words: list[str]
    matrix: np.ndarray
    buckets: int
    shortest: int
    longest: int

    def buckets_of(self, word: str) -> list[int]:
        """The rows of `matrix` of the word's n-grams, with < and > at its ends; FNV-1a over bytes that have a sign."""
        if self.longest <= 0 or not self.buckets or word == END_OF_SENTENCE:
            return []
        letters = [letter.encode("utf-8") for letter in f"<{word}>"]
        rows = []
        for start in range(len(letters)):
            value = 2166136261
            for end in range(start, min(start + self.longest, len(letters))):
                for byte in letters[end]:
                    value = (value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619 & 0xFFFFFFFF
                length = end - start + 1
                if length >= self.shortest and not (length == 1 and (start == 0 or end == len(letters) - 1)):
                    rows.append(len(self.words) + value % self.buckets)
        return rows


def is_model(given: GivenFile) -> bool:
    """Whether the file is a model, by its first bytes; a packed one is refused, since it cannot be mapped."""
    with given.open() as file:
        found = file.read(len(MAGIC)) == MAGIC
    if found and given.packing:
        raise UserError(
            f"{given} is a packed fastText model, which is too large to be unpacked each time.\nUnpack it first."
        )
    return found


def read_model(given: GivenFile) -> FastTextModel:
    """Words and matrix; raise `UserError` for a model that is quantised, of another version, or cut."""
    with given.reading(), given.path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _read(given, data)
    except (struct.error, IndexError) as error:
        raise _cut(given) from error
    finally:
        data.close()


def _read(given: GivenFile, data: mmap.mmap) -> FastTextModel:
    (version,) = struct.unpack_from("<i", data, len(MAGIC))
    if version not in VERSIONS:
        raise UserError(
            f"{given} is a fastText model of version {version}.\nVersions 11 and 12 are read; or give its .vec."
        )
    at = 2 * len(MAGIC)
    settings = SETTINGS.unpack_from(data, at)
    size, kind, buckets, shortest, longest = settings[0], *settings[7:11]
    if version == VERSIONS[0] and kind == SUPERVISED:
        longest = 0
    entries, words, _, _, pruned = DICTIONARY.unpack_from(data, at + SETTINGS.size)
    found, at = _words(given, data, at + SETTINGS.size + DICTIONARY.size, entries)
    quantised, rows, columns = struct.unpack_from("<?2q", data, at)
    if quantised or pruned >= 0:
        raise UserError(f"{given} is a quantised fastText model.\nGive the .bin that it was made of, or its .vec.")
    start = at + struct.calcsize("<?2q")
    if (rows, columns) != (words + buckets, size) or start + 4 * rows * columns > len(data):
        raise _cut(given)
    matrix = np.memmap(Path(given.path), "<f4", "r", offset=start, shape=(rows, columns))
    return FastTextModel(found[:words], matrix, buckets, shortest, longest)


def _words(given: GivenFile, data: mmap.mmap, at: int, entries: int) -> tuple[list[str], int]:
    found = []
    for _ in range(entries):
        end = data.find(b"\0", at)
        if end < 0:
            raise _cut(given)
        found.append(data[at:end].decode("utf-8", "replace"))  # what is no UTF-8 matches no text
        at = end + BEHIND_WORD
    return found, at


def _cut(given: GivenFile) -> UserError:
    return UserError(f"{given} is a fastText model whose parts do not fit its own figures.\nIs the file complete?")
