"""fastText's files: models against gensim and against a writer of the documented format; text; damaged ones."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.vector_files import gensim_file, write_vectors
from textlstm.embeddings.fasttext import FastTextEmbedding, FastTextVectors
from textlstm.embeddings.source import coverage
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError

UNKNOWN = ["nights", "qwertzuiop", "Überraschung", "漢字", "a", "", "naïve", "the the"]


def opened(path: str) -> FastTextVectors:
    found = FastTextEmbedding(name="fasttext", path=path).open()
    assert isinstance(found, FastTextVectors)
    return found


def ngrams(word: str, shortest: int, longest: int) -> list[str]:
    """Every piece of <word> of these lengths, by its start and length, but for < and > alone."""
    whole = f"<{word}>"
    return [
        whole[start : start + length]
        for start in range(len(whole))
        for length in range(shortest, longest + 1)
        if start + length <= len(whole) and whole[start : start + length] not in ("<", ">")
    ]


def fnv(text: str) -> int:
    value = 2166136261
    for byte in text.encode():
        value ^= int(np.uint32(np.int64(byte if byte < 128 else byte - 256) & 0xFFFFFFFF))
        value = value * 16777619 % 2**32
    return value


def model(
    words: list[str], size: int = 4, buckets: int = 11, lengths: tuple[int, int] = (2, 4), **change
) -> tuple[bytes, np.ndarray]:
    """A model as fastText writes it, and its matrix."""
    change = {"version": 12, "quantised": False, "rows": len(words) + buckets, "labels": 1, "pruned": -1} | change
    matrix = np.random.default_rng(1).normal(size=(len(words) + buckets, size)).astype("<f4")
    settings = (size, 5, 5, 1, 5, 1, 2, 2, buckets, *lengths, 100)
    entries = [(word, 0) for word in words] + [("__label__x", 1)] * change["labels"]
    parts = [
        struct.pack("<2i", 793712314, change["version"]),
        struct.pack("<12id", *settings, 1e-4),
        struct.pack("<3i2q", len(entries), len(words), change["labels"], 99, change["pruned"]),
        *(word.encode() + b"\0" + struct.pack("<qb", 7, kind) for word, kind in entries),
        struct.pack("<?2q", change["quantised"], change["rows"], size),
        matrix.tobytes(),
        b"the output matrix",
    ]
    return b"".join(parts), matrix


def write(folder: Path, content: bytes, name: str = "m.bin") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize("lengths", [(2, 4), (1, 3), (3, 6), (5, 5)])
def test_vectors_are_means_of_the_word_and_its_ngrams(tmp_path, lengths):
    words = ["</s>", "the", "café", "漢字", "a"]
    raw, matrix = model(words, lengths=lengths)
    found = opened(write(tmp_path, raw))
    assert found.words == words

    def rows(word: str) -> list[int]:
        return [len(words) + fnv(piece) % 11 for piece in ngrams(word, *lengths)]

    for row, word in enumerate(words):
        own = [row, *(rows(word) if word != "</s>" else [])]
        np.testing.assert_allclose(found.take(np.array([row]))[0], matrix[own].mean(axis=0), rtol=1e-5, atol=1e-6)
    for word in UNKNOWN:
        composed = found.compose(word)
        if rows(word):
            np.testing.assert_allclose(composed, matrix[rows(word)].mean(axis=0), rtol=1e-5, atol=1e-6)
        else:
            assert composed is None


def test_a_model_without_ngrams_composes_nothing(tmp_path):
    raw, matrix = model(["the", "of"], buckets=0, lengths=(0, 0))
    found = opened(write(tmp_path, raw))
    np.testing.assert_array_equal(found.take(np.array([1, 0])), matrix[[1, 0]])
    assert found.compose("thee") is None


@pytest.mark.parametrize("name", ["lee_fasttext_new.bin", "crime-and-punishment.bin"])
def test_real_models_give_gensims_vectors(name):
    path = gensim_file(name)
    from gensim.models.fasttext import load_facebook_vectors

    other, found = load_facebook_vectors(path), opened(path)
    assert found.words == other.index_to_key
    rows = [row for row, word in enumerate(found.words) if word != "</s>"]
    np.testing.assert_allclose(found.take(np.array(rows)), other.vectors[rows], rtol=1e-4, atol=1e-6)
    for word in [word for word in UNKNOWN if word not in other.key_to_index]:
        composed = found.compose(word)
        if composed is not None:
            np.testing.assert_allclose(composed, other[word], rtol=1e-4, atol=1e-6)
    assert found.compose("nights") is not None or found.model.longest == 0


@pytest.mark.parametrize("name", ["crime-and-punishment", "pang_lee_polarity_fasttext"])
def test_text_of_a_real_model_holds_the_vectors_of_the_model(name):
    text = FastTextEmbedding(name="fasttext", path=gensim_file(f"{name}.vec")).open()
    found = opened(gensim_file(f"{name}.bin"))
    rows = [found.words.index(word) for word in text.words]
    assert len(rows) > 100
    np.testing.assert_allclose(found.take(np.array(rows)), text.matrix, rtol=1e-3, atol=1e-4)


def test_unknown_words_are_composed_after_other_cases_and_counted(tmp_path):
    raw, _ = model(["the", "Paris"], lengths=(3, 3))
    source = FastTextEmbedding(name="fasttext", path=write(tmp_path, raw))
    table = source.build(Vocabulary(["<pad>", "<unk>", "the", "paris", "thee"]), [[2]])
    found = source.open()
    np.testing.assert_array_equal(table.vectors[2:4], found.take(np.array([0, 1])))
    np.testing.assert_array_equal(table.vectors[4], found.compose("thee"))
    assert table.composed.tolist() == [False] * 4 + [True]
    assert coverage(table, (0, 1), [[2, 3, 4, 4]]) == {
        "vocabulary": pytest.approx(2 / 3),
        "running_tokens": 0.5,
        "other_case": 1,
        "composed": 1,
    }


@pytest.mark.parametrize("kind", ["header.txt", "gz"])
def test_text_composes_nothing(tmp_path, kind):
    source = FastTextEmbedding(name="fasttext", path=write_vectors(tmp_path, kind))
    table = source.build(Vocabulary(["<pad>", "<unk>", "the", "films"]), [[2]])
    assert table.covered.tolist() == [False, False, True, False]
    assert not table.composed.any()


WHOLE, MATRIX = model(["the", "of", "and"])
REFUSED = {
    "cut in the matrix": (WHOLE[: -len(MATRIX.tobytes()) // 2], "complete"),
    "cut in the words": (WHOLE[:100], "complete"),
    "cut in the settings": (WHOLE[:30], "complete"),
    "cut behind the first bytes": (WHOLE[:4], "complete"),
    "rows that do not fit": (model(["the"], rows=5)[0], "complete"),
    "quantised": (model(["the"], quantised=True)[0], "quantised.*\n.*\\.vec"),
    "pruned": (model(["the"], pruned=3)[0], "quantised"),
    "old": (model(["the"], version=10)[0], "version 10"),
    "packed": (gzip.compress(WHOLE), "Unpack it first"),
    "another binary": (b"2 3\na " + MATRIX.tobytes(), "embedding=word2vec"),
    "words": (b"the\nof\n", "holds no vectors"),
    "nothing": (b"", "holds no vectors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_damaged_models_are_refused_in_words(tmp_path, case):
    content, says = REFUSED[case]
    path = write(tmp_path, content)
    with pytest.raises(UserError, match=says) as error:
        FastTextEmbedding(name="fasttext", path=path).open()
    assert path in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize("name", ["fasttext_old", "lee_fasttext", "lee_fasttext.bin", "non_ascii_fasttext.bin"])
def test_real_files_of_other_formats_are_refused_in_words(name):
    with pytest.raises(UserError, match="no vectors"):
        FastTextEmbedding(name="fasttext", path=gensim_file(name)).open()


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    raw, matrix = model(["the", "of"])
    path = write(tmp_path, raw.replace(matrix[1].tobytes(), np.full(4, np.inf, "<f4").tobytes()))
    source = FastTextEmbedding(name="fasttext", path=path)
    with pytest.raises(UserError, match="'of' holds numbers that are not finite"):
        source.build(Vocabulary(["<pad>", "<unk>", "the", "of"]), [[2]])
