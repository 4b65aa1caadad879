"""Files of vectors as text: what is read, looked up, drawn and counted, and what is refused."""

import gzip
import itertools
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.vector_files import LINES, PARSED, write_vectors
from textlstm.data.batches import tokenize
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.lookup import cases
from textlstm.embeddings.source import coverage
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.network import vocabulary_of

KINDS = ["txt", "gz", "zip", "header.txt", "header.gz"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_its_words_and_numbers(tmp_path, kind):
    found = GloveEmbedding(name="glove", path=write_vectors(tmp_path, kind)).open()
    assert found.words == [word for word, _ in PARSED]
    np.testing.assert_array_equal(found.matrix, np.array([vector for _, vector in PARSED], np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_of_a_file_come_in_its_order_with_the_number_that_always_joins(tmp_path, kind):
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, kind), extra_words=4)
    known, always = source.words()
    assert known == [word for word, _ in PARSED]
    assert always == 4


def test_rows_of_the_table_are_the_vectors_of_the_file(tmp_path):
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt"))
    table = source.build(Vocabulary(["<pad>", "<unk>", "film", "unseen", "the", "café"]), [[2]])
    assert table.size == 3
    assert table.vectors.dtype == np.float32
    np.testing.assert_allclose(table.vectors[[2, 4, 5]], [[7, 8, 9], [0.1, -0.2, 0.3], [4, 5, 6]], rtol=1e-6)
    assert table.covered.tolist() == [False, False, True, False, True, True]


def test_words_that_a_file_lacks_are_drawn_with_the_spread_of_those_it_has(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"w{i} " + " ".join(f"{x:.4f}" for x in rng.normal(0, 0.25, 50)) for i in range(100)]
    vocabulary = ["<pad>", "<unk>", *(f"w{i}" for i in range(100)), *(f"unseen{i}" for i in range(200))]
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt", lines))
    table = source.build(Vocabulary(vocabulary), [[2]])
    unseen = table.vectors[102:]
    assert unseen.std() == pytest.approx(0.25, rel=0.05)
    assert abs(unseen.mean()) < 0.01
    assert len(np.unique(unseen[:, 0])) == 200
    np.testing.assert_array_equal(source.build(Vocabulary(vocabulary), [[3]]).vectors, table.vectors)


def test_coverage_is_that_counted_by_hand(tmp_path):
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt"))
    train = [[2, 2, 3, 1], [4, 3, 3]]  # film film unseen <unk> | the unseen unseen
    table = source.build(Vocabulary(["<pad>", "<unk>", "film", "unseen", "the", "café"]), train)
    assert coverage(table, (0, 1), train) == {
        "vocabulary": pytest.approx(3 / 4),
        "running_tokens": pytest.approx(3 / 7),
    }


def test_unknown_tokens_are_not_covered_by_a_row_of_that_name(tmp_path):
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt", ["the 1 1 1", "<unk> 2 2 2"]))
    train = [[1, 1, 1, 2]]
    table = source.build(Vocabulary(["<pad>", "<unk>", "the"]), train)
    assert coverage(table, (0, 1), train) == {"vocabulary": 1.0, "running_tokens": pytest.approx(1 / 4)}


@pytest.mark.parametrize(("line", "numbers"), [("film 7 8", 2), ("film", 0), ("", 0)])
def test_a_truncated_line_is_named_by_its_row(tmp_path, line, numbers):
    path = write_vectors(tmp_path, "txt", [*LINES[:3], line])
    with pytest.raises(UserError, match=f"row 4 has {numbers} numbers, the first has 3"):
        GloveEmbedding(name="glove", path=path).build(Vocabulary(["<pad>", "<unk>"]), [[1]])


@pytest.mark.parametrize("number", ["two", "nan", "inf", "1,5"])
def test_a_vector_that_is_no_numbers_is_named_by_its_word(tmp_path, number):
    path = write_vectors(tmp_path, "txt", [*LINES, f"broken 1 {number} 3"])
    with pytest.raises(UserError, match="vector of 'broken' is not made of finite numbers"):
        GloveEmbedding(name="glove", path=path).build(Vocabulary(["<pad>", "<unk>", "broken"]), [[2]])


def damaged(folder: Path, kind: str) -> str:
    rng = np.random.default_rng(0)
    many = [f"w{i} " + " ".join(f"{x:.4f}" for x in rng.normal(size=50)) for i in range(400)]
    path = Path(write_vectors(folder, "zip" if "zip" in kind else "gz", many))
    raw = bytearray(path.read_bytes())
    if kind.startswith("cut"):
        del raw[len(raw) // 2 :]
    elif kind.startswith("overwritten"):
        raw[2000:2040] = b"\xff" * 40
    elif kind.startswith("other"):
        raw = bytearray(b"something else")
    path.write_bytes(raw)
    if kind == "empty zip":
        with zipfile.ZipFile(path, "w"):
            pass
    return str(path)


@pytest.mark.parametrize(
    "kind", ["cut gz", "cut zip", "overwritten gz", "overwritten zip", "other gz", "other zip", "empty zip"]
)
def test_a_damaged_file_is_an_error_in_words(tmp_path, kind):
    with pytest.raises(UserError, match="vectors"):
        GloveEmbedding(name="glove", path=damaged(tmp_path, kind)).build(Vocabulary(["<pad>", "<unk>", "w399"]), [[2]])


def test_no_file_a_missing_file_and_a_file_without_vectors_are_errors(tmp_path):
    empty, words = tmp_path / "empty.txt", tmp_path / "words.txt"
    empty.write_text("")
    words.write_text("the\nof\n")
    for path, message in [
        (None, r"embedding\.path="),
        (str(tmp_path / "nowhere.txt"), "is not a file"),
        (str(empty), "no vectors"),
        (str(words), "no vectors"),
    ]:
        with pytest.raises(UserError, match=message):
            GloveEmbedding(name="glove", path=path).words()


def test_coverage_of_real_texts_is_that_counted_by_a_loop(shared_data, tmp_path):
    with gzip.open(shared_data("glove.6B.100d.top150k.txt.gz"), "rt", encoding="utf-8") as file:
        lines = list(itertools.islice((line.rstrip("\n") for line in file), 10_000))
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "gz", lines), extra_words=100)
    assert source.words().known[:4] == ["the", ",", ".", "of"]
    texts = list(pd.read_csv(shared_data("trec6/train.csv"))["text"][:500])
    tokenizer = WordsTokenizer(minimum_count=1).train(texts, *source.words())
    train = tokenize(texts, tokenizer)
    table = source.build(vocabulary_of(tokenizer), train)
    assert table.size == 100
    known = {line.split(" ", 1)[0] for line in lines}
    running = [word for ids in train for word in tokenizer.convert_ids_to_tokens(ids)]
    assert coverage(table, (0, 1), train) == {
        "vocabulary": pytest.approx(np.mean([word in known for word in vocabulary_of(tokenizer).tokens[2:]])),
        "running_tokens": pytest.approx(np.mean([word in known for word in running])),
    }


# Other cases


def test_words_are_looked_up_as_written_then_lower_then_capitalised_then_upper(tmp_path):
    lines = ["Paris 1 1 1", "paris 2 2 2", "NATO 3 3 3", "Rome 4 4 4", "ROME 5 5 5", "the 6 6 6", "<UNK> 7 7 7"]
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt", lines))
    tokens = ["<pad>", "<unk>", "Paris", "paris", "PARIS", "nato", "rome", "The", "mIxEd"]
    table = source.build(Vocabulary(tokens), [[2]])
    assert table.vectors[2:8, 0].tolist() == [1, 2, 2, 3, 4, 6]
    assert table.covered.tolist() == [False, False, *[True] * 6, False]
    assert table.other_case.tolist() == [False, False, False, False, True, True, True, True, False]
    assert coverage(table, (0, 1), [[2, 5, 8]]) == {
        "vocabulary": pytest.approx(6 / 7),
        "running_tokens": pytest.approx(2 / 3),
        "other_case": 4,
    }


@pytest.mark.parametrize("word", ["paris", "Paris", "PARIS", "n't", "1989", "straße", "éa", "漢"])
def test_the_word_itself_is_looked_up_first_and_nothing_twice(word):
    forms = cases(word)
    assert forms[0] == word
    assert set(forms) == {word, word.lower(), word.capitalize(), word.upper()}
    assert len(set(forms)) == len(forms)


def test_a_cased_file_serves_a_lower_case_vocabulary_of_real_texts(shared_data, tmp_path):
    with gzip.open(shared_data("glove.6B.100d.top150k.txt.gz"), "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, 3000)]
    upper = [line[:1].upper() + line[1:] if number % 2 else line for number, line in enumerate(lines)]
    tables = []
    for name, rows in (("lower", lines), ("cased", upper)):
        (tmp_path / name).mkdir()
        source = GloveEmbedding(name="glove", path=write_vectors(tmp_path / name, "txt", rows), extra_words=500)
        texts = list(pd.read_csv(shared_data("trec6/train.csv"))["text"][:300])
        tokenizer = WordsTokenizer(minimum_count=1).train(
            texts, GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt", lines)).words().known, 500
        )
        tables.append(source.build(vocabulary_of(tokenizer), [[2]]))
    np.testing.assert_array_equal(tables[0].covered, tables[1].covered)
    np.testing.assert_array_equal(tables[0].vectors, tables[1].vectors)
    assert not tables[0].other_case.any()
    assert tables[1].other_case.sum() > 100


# What is refused, and what is not


def refusal(path: str | None) -> str:
    with pytest.raises(UserError) as error:
        GloveEmbedding(name="glove", path=path).open()
    assert len(str(error.value).splitlines()) <= 3
    return str(error.value)


@pytest.mark.parametrize(
    ("first", "says"),
    [("7 3", "says in its first line 7 rows of 3 numbers, and holds 6 of 3"), ("6 4", "6 rows of 4.*holds 6 of 3")],
)
def test_a_header_that_the_file_does_not_keep_is_named(tmp_path, first, says):
    with pytest.raises(UserError, match=says):
        GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt", [first, *LINES])).open()


def test_an_archive_of_several_files_asks_which(tmp_path):
    with zipfile.ZipFile(tmp_path / "glove.zip", "w") as archive:
        for size in (50, 100):
            archive.writestr(f"glove.{size}d.txt", "a 1 2\n")
    assert "glove.50d.txt, glove.100d.txt" in refusal(str(tmp_path / "glove.zip"))


def test_a_binary_file_names_the_sources_that_read_it(tmp_path):
    (tmp_path / "v.bin").write_bytes(b"2 3\na " + np.arange(3, dtype="<f4").tobytes() + b"\nb " + b"\x01" * 12)
    assert "embedding=word2vec" in refusal(str(tmp_path / "v.bin"))


@pytest.mark.parametrize("size", [2, 3, 50])
def test_a_binary_file_is_called_so_whatever_its_lines_look_like(tmp_path, size):
    rng = np.random.default_rng(size)
    rows = (f"w{number} ".encode() + rng.normal(size=size).astype("<f4").tobytes() + b"\n" for number in range(300))
    # The numbers hold spaces and line breaks.
    (tmp_path / "v.bin").write_bytes(f"300 {size}\n".encode() + b"w a 1 2 3\n" + b"".join(rows))
    said = refusal(str(tmp_path / "v.bin"))
    assert "it is a binary file" in said
    assert "embedding=word2vec" in said


@pytest.mark.parametrize(
    ("line", "numbers"), [("film 0.7 8 9 1", 4), ("film -.5 7.1e-1 0.1 8 9 1", 6), ("new york 0.5 1 2 3", 4)]
)
def test_a_row_with_too_many_numbers_is_no_word_with_numbers_in_it(tmp_path, line, numbers):
    assert f"row 7 has {numbers} numbers, the first has 3" in refusal(write_vectors(tmp_path, "txt", [*LINES, line]))


def test_whole_numbers_may_end_a_phrase(tmp_path):
    path = write_vectors(tmp_path, "txt", ["a 0.5 1 2", "route 66 1.5 2 3"])
    assert GloveEmbedding(name="glove", path=path).open().words == ["a", "route 66"]


def test_tabs_and_nothing_are_named_as_they_are(tmp_path):
    assert "a line reads 'the\\t1\\t2'" in refusal(write_vectors(tmp_path, "txt", ["the\t1\t2", "of\t3\t4"]))
    assert "there is no row in it" in refusal(write_vectors(tmp_path, "txt", []))


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path):
    for first in ("", "2 3\n"):
        (tmp_path / "v.txt").write_text(f"\ufeff{first}the 1 2 3\nof 4 5 6\n", encoding="utf-8")
        assert GloveEmbedding(name="glove", path=str(tmp_path / "v.txt")).open().words == ["the", "of"]


def test_a_folder_and_a_header_alone_are_refused(tmp_path):
    assert "is not a file" in refusal(str(tmp_path))
    (tmp_path / "v.txt").write_text("0 100\n")
    assert "holds no vectors" in refusal(str(tmp_path / "v.txt"))


@pytest.mark.parametrize("packing", [gzip.compress, lambda raw: raw])
def test_packing_is_seen_from_the_bytes_where_the_name_does_not_say(tmp_path, packing):
    (tmp_path / "v.dat").write_bytes(packing(b"a 1 2 3\nb 4 5 6\n"))
    assert GloveEmbedding(name="glove", path=str(tmp_path / "v.dat")).open().words == ["a", "b"]


def test_words_that_are_not_utf8_keep_their_rows_and_are_counted(tmp_path, capsys):
    (tmp_path / "v.txt").write_bytes("gut 1 2 3\nschön 4 5 6\nnett 7 8 9\n".encode("latin-1"))
    found = GloveEmbedding(name="glove", path=str(tmp_path / "v.txt")).open()
    assert found.words == ["gut", "sch\ufffdn", "nett"]
    assert found.matrix[:, 0].tolist() == [1, 4, 7]
    assert "1 words of the file are not UTF-8" in capsys.readouterr().out


def test_zero_vectors_are_vectors(tmp_path):
    path = write_vectors(tmp_path, "txt", ["a 0 0 0", "b 0 0 0"])
    table = GloveEmbedding(name="glove", path=path).build(Vocabulary(["<pad>", "<unk>", "a", "c"]), [[2]])
    assert table.covered.tolist() == [False, False, True, False]
    assert not table.vectors.any()


def test_line_ends_of_other_systems_and_spaces_at_the_end_are_no_numbers(tmp_path):
    (tmp_path / "v.vec").write_bytes(b"2 3\r\na 1 2 3 \r\nb 4 5 6 \r\n")
    found = GloveEmbedding(name="glove", path=str(tmp_path / "v.vec")).open()
    assert found.matrix.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_odd_characters_are_words_like_others(tmp_path):
    words = ['"', "'", "#", ",", "\\", "\x85", "\u2028", "NA", "nan", "漢"]
    path = write_vectors(tmp_path, "txt", [f"{word} {number} 0 1" for number, word in enumerate(words)])
    found = GloveEmbedding(name="glove", path=path).open()
    assert found.words == words
    assert found.matrix[:, 0].tolist() == list(range(len(words)))


def test_characters_are_refused_with_what_to_choose(tmp_path):
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, "txt"))
    with pytest.raises(UserError, match=r"tokenizer=words, or embedding=corpus"):
        source.build(Vocabulary(["<pad>", "<unk>", "a"], unit="characters"), [[2]])
