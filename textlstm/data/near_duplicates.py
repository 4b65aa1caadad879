"""Near duplicates: pairs of texts that share most of their runs of three words.

Two texts are near duplicates where the Jaccard similarity of their sets of word shingles (Broder
1997, "On the resemblance and containment of documents") is at least `THRESHOLD`. Pairs worth a look
are found by MinHash signatures in bands (Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", chapter 3): with 20 bands of 5 hashes a pair of similarity 0.8 is met with probability
1 - (1 - 0.8^5)^20 = 0.9996. Each of them is then checked by its true similarity, so that whatever
is reported is one; what is missed is missed by chance, the same way every time.

Texts under `MINIMUM_WORDS` words are left out. They have no more than seven shingles, so that one
word that was replaced always puts them under the threshold, and what is left, a word more at an
edge, may well turn the meaning.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

SHINGLE_WORDS = 3
MINIMUM_WORDS = 10
THRESHOLD = 0.8
BANDS, BAND_HASHES = 20, 5
BUCKET_NEIGHBOURS = 50
CHUNK = 500
PAIRS_AT_ONCE = 20_000
SEED = 20
# Scripts that put no spaces between words: there one character is taken for one.
WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+")


@dataclass(frozen=True)
class NearPairs:
    """Pairs of texts by their numbers, `first < second`, each `[N]`; `similarity` is that of Jaccard."""

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray


NO_PAIRS = NearPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def near_pairs(texts: Sequence[str]) -> NearPairs:
    """All near duplicates among different `texts`, which are numbered as they come.

    In a bucket of more than `BUCKET_NEIGHBOURS` texts (thousands of one template) each is compared
    with the next ones only: the time stays linear, and who has a near duplicate is found all the same.
    """
    signed, signatures = sign(texts)
    first, second = candidates(signatures)
    first, second = signed[first], signed[second]
    similarity = jaccard(texts, first, second)
    near = similarity >= THRESHOLD
    return NearPairs(first[near], second[near], similarity[near])


def shingle(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles, text after text, and how many each text has (none under `MINIMUM_WORDS`)."""
    words = [found if len(found) >= MINIMUM_WORDS else [] for found in map(WORD.findall, texts)]
    lengths = np.array([len(found) for found in words], dtype=np.int64)
    hashes = hash_words(words)
    if not len(hashes):
        return hashes, lengths
    mixed = np.zeros(len(hashes) - SHINGLE_WORDS + 1, np.uint64)
    for place in range(SHINGLE_WORDS):
        mixed = mix(mixed + hashes[place : len(mixed) + place])
    # A shingle ends where its text does.
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(hashes))
    return mixed[left[: len(mixed)] >= SHINGLE_WORDS], np.maximum(lengths - SHINGLE_WORDS + 1, 0)


def hash_words(words: Sequence[Sequence[str]]) -> np.ndarray:
    """A 64-bit hash of every word, text after text."""
    flat = np.array(list(chain.from_iterable(words)), dtype=object)
    return np.asarray(pd.util.hash_array(flat, categorize=True), np.uint64)


def mix(values: np.ndarray) -> np.ndarray:
    """Each bit of the result depends on every bit of a value: the finaliser of SplitMix64 (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def sign(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers `[N]` of the texts that are long enough, and their MinHash signatures `[N, 100]`.

    Two signatures agree in a share of places that is the texts' similarity, on average.
    """
    draw = np.random.default_rng(SEED)
    factors = draw.integers(0, 2**64, BANDS * BAND_HASHES, dtype=np.uint64) | np.uint64(1)
    offsets = draw.integers(0, 2**64, BANDS * BAND_HASHES, dtype=np.uint64)
    numbers, signatures = [np.zeros(0, np.int64)], [np.zeros((0, BANDS * BAND_HASHES), np.uint32)]
    for start in range(0, len(texts), CHUNK):
        hashes, counts = shingle(texts[start : start + CHUNK])
        if not len(hashes):
            continue
        long = np.flatnonzero(counts)
        begins = np.cumsum(counts[long]) - counts[long]
        least = [np.minimum.reduceat(hashes * a + b, begins) for a, b in zip(factors, offsets, strict=True)]
        numbers.append(long + start)
        signatures.append((np.stack(least, axis=1) >> np.uint64(32)).astype(np.uint32))
    return np.concatenate(numbers), np.concatenate(signatures)


def candidates(signatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows that agree in all hashes of a band, `first < second`, each once."""
    total = len(signatures)
    found = np.zeros(0, np.int64)
    for band in range(BANDS):
        met = [first * total + second for first, second in bucket_pairs(band_keys(signatures, band))]
        found = np.unique(np.concatenate([found, *met]))
    return found // max(total, 1), found % max(total, 1)


def band_keys(signatures: np.ndarray, band: int) -> np.ndarray:
    """One number for the hashes of a band."""
    keys = np.zeros(len(signatures), np.uint64)
    for column in range(band * BAND_HASHES, (band + 1) * BAND_HASHES):
        keys = mix(keys + signatures[:, column])
    return keys


def bucket_pairs(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows with equal keys: each with the next, with the next but one, and so on."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    for step in range(1, BUCKET_NEIGHBOURS + 1):
        same = ordered[step:] == ordered[:-step]
        if not same.any():
            return
        yield order[:-step][same], order[step:][same]


def jaccard(texts: Sequence[str], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Shared shingles by all shingles `[N]` of each pair of texts."""
    if not len(first):
        return np.zeros(0)
    numbers, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    hashes, counts = shingle([texts[number] for number in numbers])
    _, columns = np.unique(hashes, return_inverse=True)
    rows = np.repeat(np.arange(len(numbers)), counts)
    table = csr_array((np.ones(len(columns), np.int32), (rows, columns)))
    table.data[:] = 1  # a shingle that comes twice counts once
    sizes = np.diff(table.indptr)
    left, right = places[: len(first)], places[len(first) :]
    shared = np.concatenate(
        [
            table[left[at : at + PAIRS_AT_ONCE]].multiply(table[right[at : at + PAIRS_AT_ONCE]]).sum(axis=1)
            for at in range(0, len(left), PAIRS_AT_ONCE)
        ]
    )
    return np.asarray(shared / (sizes[left] + sizes[right] - shared), dtype=float)
