"""word2vec's files: the binary format against its definition and against gensim; damaged ones."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.vector_files import LINES, gensim_file, write_vectors
from textlstm.embeddings import word2vec
from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.embeddings.word2vec import Word2vecEmbedding
from textlstm.errors import UserError

WORDS = ["</s>", "the", "New_York", "café", "漢字", "the", ","]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 7)).astype("<f4")


def binary(words: list[str] = WORDS, vectors: np.ndarray = VECTORS, end: bytes = b"\n") -> bytes:
    rows = (word.encode() + b" " + vector.tobytes() + end for word, vector in zip(words, vectors, strict=True))
    return f"{len(words)} {vectors.shape[1]}\n".encode() + b"".join(rows)


def write(folder: Path, content: bytes, name: str = "v.bin") -> str:
    path = folder / name
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("v.bin", content)
    else:
        path.write_bytes(content)
    return str(path)


def opened(path: str):
    return Word2vecEmbedding(name="word2vec", path=path).open()


@pytest.mark.parametrize("name", ["v.bin", "v.bin.gz", "v.zip", "v.txt", "v"])
@pytest.mark.parametrize("end", [b"\n", b""], ids=["line break", "none"])
@pytest.mark.parametrize("chunk", [1, 30, 2**24])
def test_words_and_vectors_are_those_that_were_written(tmp_path, monkeypatch, name, end, chunk):
    monkeypatch.setattr(word2vec, "CHUNK", chunk)
    found = opened(write(tmp_path, binary(end=end), name))
    assert found.words == list(dict.fromkeys(WORDS))
    np.testing.assert_array_equal(found.matrix, np.delete(VECTORS, 5, axis=0))


@pytest.mark.parametrize("kind", ["header.txt", "header.gz", "txt"])
def test_its_text_format_is_read_as_gloves(tmp_path, kind):
    path = write_vectors(tmp_path, kind)
    glove = GloveEmbedding(name="glove", path=path).open()
    assert opened(path).words == glove.words
    np.testing.assert_array_equal(opened(path).matrix, glove.matrix)


def test_text_may_be_named_bin(tmp_path):
    assert opened(write(tmp_path, b"2 3\na 1 2 3\nb 4 5 6\n")).matrix.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("name", ["euclidean_vectors.bin", "poincare_vectors.bin"])
def test_real_files_are_read_as_gensim_reads_them(name):
    path = gensim_file(name)
    from gensim.models import KeyedVectors

    with open(path, "rb") as file:
        is_text = file.read(400).split(b"\n")[1].isascii()
    other = KeyedVectors.load_word2vec_format(path, binary=not is_text)
    found = opened(path)
    assert found.words == other.index_to_key
    np.testing.assert_array_equal(found.matrix, other.vectors)
    assert len(found.words) > 50


@pytest.mark.parametrize("as_binary", [True, False])
def test_what_gensim_writes_is_read(tmp_path, as_binary):
    pytest.importorskip("gensim")
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(7)
    vectors.add_vectors(WORDS[:5], VECTORS[:5])
    vectors.save_word2vec_format(str(tmp_path / "v"), binary=as_binary)
    found = opened(str(tmp_path / "v"))
    assert found.words == WORDS[:5]
    np.testing.assert_allclose(found.matrix, VECTORS[:5], rtol=1e-6)


def test_a_table_is_made_of_it(tmp_path):
    source = Word2vecEmbedding(name="word2vec", path=write(tmp_path, binary()), extra_words=3)
    assert source.words().known[: source.words().always] == ["</s>", "the", "New_York"]
    table = source.build(Vocabulary(["<pad>", "<unk>", "new_york", "CAFÉ", "unseen", ","]), [[2]])
    np.testing.assert_array_equal(table.vectors[[3, 5]], VECTORS[[3, 6]])
    assert table.covered.tolist() == [False, False, False, True, False, True]  # New_York is no usual case of it


REFUSED = {
    "cut in a vector": (binary()[:-10], "ends in row 7 of 7"),
    "cut between rows": (binary(end=b"")[: -len(",") - 29], "ends in row 7 of 7"),
    "only a header": (b"3 5\n", "holds no vectors"),
    "no rows": (b"0 5\n", "holds no vectors"),
    "too narrow": (binary().replace(b"7 7\n", b"7 5\n"), "not made of finite numbers|ends in row"),
    "too wide": (binary().replace(b"7 7\n", b"7 9\n"), "not made of finite numbers|ends in row"),
    "fewer rows than there are": (binary().replace(b"7 7\n", b"6 7\n"), "6 rows of 7 numbers, and holds more"),
    "infinite": (binary(vectors=np.where(np.arange(7) == 3, np.inf, VECTORS).astype("<f4")), "</s>.*finite"),
    "nan": (binary(vectors=np.where(np.arange(7) == 3, np.nan, VECTORS).astype("<f4")), "</s>.*finite"),
    "no header": (binary()[4:], "holds no vectors|binary"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "holds no vectors|binary"),
    "nothing": (b"", "holds no vectors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_damaged_files_are_refused_in_words_and_leave_nothing(tmp_path, case, own_caches):
    content, says = REFUSED[case]
    path = write(tmp_path, content)
    with pytest.raises(UserError, match=says) as error:
        opened(path)
    assert f"embedding.path={path}" in str(error.value)
    assert len(str(error.value).splitlines()) <= 3
    assert not [place for place in own_caches.rglob("about.json") if path in place.read_text()]


def test_words_that_are_not_utf8_are_kept(tmp_path):
    raw = binary(["a", "bXd", "c"], VECTORS[:3]).replace(b"bXd", b"b\xffd")
    found = opened(write(tmp_path, raw))
    assert found.words == ["a", "b\ufffdd", "c"]
    np.testing.assert_array_equal(found.matrix, VECTORS[:3])


def test_lines_of_this_test_are_no_binary(tmp_path):
    assert opened(write(tmp_path, "\n".join(LINES).encode())).words[0] == "the"
