"""Word vectors: counts, PMI and SVD against loops; files of vectors; what reaches the network."""

import gzip
import itertools
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix

from textlstm.data.batches import tokenize
from textlstm.data.files import FilesSource
from textlstm.data.load import load_data
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.embeddings.corpus import CorpusEmbedding, count_pairs, positive_pmi
from textlstm.embeddings.glove import GloveEmbedding, open_vectors
from textlstm.embeddings.random import RandomEmbedding
from textlstm.embeddings.source import EmbeddingTable, coverage
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.network import build_network, vocabulary_of

# Counts and PMI


def counts_by_loop(texts: list[list[int]], size: int, window: int) -> np.ndarray:
    counts = np.zeros((size, size))
    for text in texts:
        for i, word in enumerate(text):
            for j, context in enumerate(text):
                if i != j and abs(i - j) <= window and word >= 2 and context >= 2:
                    counts[word, context] += 1 / abs(i - j)
    return counts


def ppmi_by_loop(counts: np.ndarray, power: float) -> np.ndarray:
    result = np.zeros_like(counts)
    smoothed = counts.sum(axis=0) ** power
    for word in range(len(counts)):
        for context in range(len(counts)):
            if counts[word, context] > 0:
                joint = counts[word, context] / counts.sum()
                alone = counts[word].sum() / counts.sum()
                result[word, context] = max(0.0, np.log(joint / (alone * smoothed[context] / smoothed.sum())))
    return result


def random_corpus(seed: int, size: int = 15, texts: int = 12) -> list[list[int]]:
    """Texts of 0 to 25 ids; 0 and 1 are padding and the unknown word."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, size, rng.integers(0, 26)).tolist() for _ in range(texts)]


@pytest.mark.parametrize("window", [1, 2, 8, 40])
@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_counted_by_a_loop(seed, window):
    corpus = random_corpus(seed)
    expected = counts_by_loop(corpus, 15, window)
    found = count_pairs(corpus, 15, window).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert expected[0].sum() == expected[1].sum() == 0 < expected.sum()


def test_pairs_do_not_cross_from_one_text_into_the_next():
    assert count_pairs([[2, 3], [4, 5]], 6, 8).nnz == 4
    assert count_pairs([[2], [3], [4]], 6, 8).nnz == 0


def test_unknown_words_keep_their_place_in_the_distance():
    counts = count_pairs([[2, 1, 1, 3]], 4, 8).toarray()
    np.testing.assert_allclose(counts[2, 3], 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("power", [0.5, 0.75, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_positive_pmi_is_that_of_its_definition(seed, power):
    counts = counts_by_loop(random_corpus(seed), 15, 3)
    found = positive_pmi(csr_matrix(counts), power).toarray()
    expected = ppmi_by_loop(counts, power)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (expected > 0).sum() > 20


# The vectors of a corpus


def corpus_table(corpus: list[list[int]], size: int, **settings) -> EmbeddingTable:
    vocabulary = [f"w{i}" for i in range(size)]
    return CorpusEmbedding(name="corpus", **settings).build(Vocabulary(vocabulary), corpus)


@pytest.mark.parametrize("rank", [1, 3, 8])
@pytest.mark.parametrize("power", [0.75, 1.0])
def test_inner_products_of_vectors_are_the_best_approximation_of_their_rank(rank, power):
    corpus = random_corpus(5, texts=40)
    table = corpus_table(corpus, 15, embedding_size=rank, window=4, context_power=power)
    ppmi = ppmi_by_loop(counts_by_loop(corpus, 15, 4), power)
    # Eckart and Young: U_k S_k U_k' is the nearest matrix of rank k to (M M')^(1/2).
    left, singular, _ = np.linalg.svd(ppmi)
    vectors = left[:, :rank] * np.sqrt(singular[:rank])
    expected, found = vectors @ vectors.T, table.vectors @ table.vectors.T
    np.testing.assert_allclose(found / np.trace(found), expected / np.trace(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 0.4])
def test_the_scale_is_the_spread_of_the_vectors_that_are_covered(scale):
    table = corpus_table(random_corpus(0), 15, embedding_size=6, scale=scale)
    assert table.vectors[table.covered].std() == pytest.approx(scale, rel=1e-4)


def test_words_that_training_does_not_hold_are_uncovered_zeros():
    corpus = [[word for word in text if word != 7] for text in random_corpus(0)]
    table = corpus_table(corpus, 16, embedding_size=6)
    assert np.flatnonzero(~table.covered).tolist() == [0, 1, 7, 15]
    assert np.abs(table.vectors[~table.covered]).max() < 1e-6
    assert np.abs(table.vectors[table.covered]).max(axis=1).min() > 1e-3


def test_more_dimensions_than_words_are_left_zero():
    table = corpus_table(random_corpus(0), 15, embedding_size=40)
    assert table.vectors.shape == (15, 40)
    assert table.size == 40
    assert np.flatnonzero(table.vectors.any(axis=0)).tolist() == list(range(12))


def test_the_vectors_of_a_corpus_are_the_same_each_time():
    tables = []
    for seed in range(2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        tables.append(corpus_table(random_corpus(0), 15, embedding_size=6))
    np.testing.assert_array_equal(tables[0].vectors, tables[1].vectors)


@pytest.mark.parametrize("corpus", [[[2], [3]], [[]], [[1, 1, 1]], [[2, 1]]])
def test_a_corpus_without_pairs_leaves_the_vectors_to_the_network(corpus):
    table = corpus_table(corpus, 5, embedding_size=4)
    assert table.vectors is None
    assert table.size == 4


def test_words_of_one_topic_lie_nearer_than_words_of_two():
    rng = np.random.default_rng(0)
    topics = [np.arange(2, 22), np.arange(22, 42)]
    corpus = [rng.choice(topics[i % 2], 30).tolist() for i in range(200)]
    vectors = corpus_table(corpus, 42, embedding_size=10).vectors[2:]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    assert cosine[:20, :20].mean() > cosine[:20, 20:].mean() + 0.3


# Files of vectors

LINES = ["the 0.1 -0.2 0.3", ". . 1 2 3", "new york 1e-1 2 3", "café 4 5 6", "film 7 8 9", "the 9 9 9"]
PARSED = [
    ("the", [0.1, -0.2, 0.3]),
    (". .", [1, 2, 3]),
    ("new york", [0.1, 2, 3]),
    ("café", [4, 5, 6]),
    ("film", [7, 8, 9]),
]


def write_vectors(folder: Path, kind: str, lines: list[str] = LINES) -> str:
    raw = "".join(line + "\n" for line in lines).encode()
    path = folder / f"vectors.{kind.removeprefix('header.')}"
    if kind.startswith("header."):
        raw = f"{len(lines)} {len(lines[0].split()) - 1}\n".encode() + raw
    if kind.endswith("gz"):
        path.write_bytes(gzip.compress(raw))
    elif kind.endswith("zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("vectors.txt", raw)
    else:
        path.write_bytes(raw)
    return str(path)


KINDS = ["txt", "gz", "zip", "header.txt", "header.gz"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_its_words_and_numbers(tmp_path, kind):
    with open_vectors(write_vectors(tmp_path, kind)) as rows:
        found = [(word, [float(number) for number in numbers]) for word, numbers in rows]
    assert found[:-1] == PARSED


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_of_a_file_come_in_its_order_with_the_number_that_always_joins(tmp_path, kind):
    source = GloveEmbedding(name="glove", path=write_vectors(tmp_path, kind), extra_words=4)
    known, always = source.words()
    assert list(dict.fromkeys(known)) == [word for word, _ in PARSED]
    assert always == 4


def test_sources_without_a_file_offer_no_words():
    for source in (RandomEmbedding(name="random"), CorpusEmbedding(name="corpus")):
        assert tuple(source.words()) == ((), 0)


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


def test_random_vectors_know_no_coverage():
    table = RandomEmbedding(name="random", embedding_size=7).build(Vocabulary(["<pad>", "<unk>", "a"]), [[2]])
    assert (table.size, table.vectors) == (7, None)
    assert coverage(table, (0, 1), [[2]]) is None


@pytest.mark.parametrize(("line", "numbers"), [("film 7 8", 2), ("film", 0), ("", 0)])
def test_a_truncated_line_is_named_by_its_row(tmp_path, line, numbers):
    path = write_vectors(tmp_path, "txt", [*LINES[:3], line])
    with pytest.raises(UserError, match=f"row 4 has {numbers} numbers, the first has 3"):
        GloveEmbedding(name="glove", path=path).build(Vocabulary(["<pad>", "<unk>"]), [[1]])


@pytest.mark.parametrize("number", ["two", "nan", "inf", "1,5"])
def test_a_vector_that_is_no_numbers_is_named_by_its_word(tmp_path, number):
    path = write_vectors(tmp_path, "txt", [*LINES, f"broken 1 {number} 3"])
    with pytest.raises(UserError, match="vector of 'broken' is not made of numbers"):
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


# What reaches the network


def network(table: EmbeddingTable, trainable: bool = True, seed: int = 0):
    tokenizer = WordsTokenizer(minimum_count=1).train(["the film was good"])
    return build_network(
        {"layers": 1, "hidden_size": 4}, tokenizer, table, trainable=trainable, label_names=["a", "b"], seed=seed
    )


def test_the_network_starts_with_the_table_and_zeros_for_padding():
    vectors = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    weight = network(EmbeddingTable(5, vectors, np.ones(6, bool))).embedding.table.weight.detach().numpy()
    np.testing.assert_array_equal(weight[1:], vectors[1:])
    assert not weight[0].any()


def test_without_vectors_the_network_draws_its_own_and_zeros_for_padding():
    weight = network(EmbeddingTable(5)).embedding.table.weight
    assert not weight[0].any()
    assert weight[1:].std() > 0.2


@pytest.mark.parametrize("trainable", [True, False])
def test_vectors_are_trained_only_if_asked(trainable):
    model = network(EmbeddingTable(5), trainable=trainable)
    model(torch.tensor([[2, 3, 0]]), labels=torch.tensor([1])).loss.backward()
    if trainable:
        assert model.embedding.table.weight.grad[2:4].any()
        assert not model.embedding.table.weight.grad[0].any()
    else:
        assert model.embedding.table.weight.grad is None


def test_only_training_texts_shape_the_vectors_of_a_corpus(tmp_path):
    train = "".join(f"{'good film' if i % 2 else 'bad play'} number {i % 5},{'ab'[i % 2]}\n" for i in range(40))
    vectors = []
    for word in ("first", "second"):
        for split, rows in {"train": train, "validation": f"{word},a\n", "test": f"{word} film {word},b\n"}.items():
            (tmp_path / f"{split}.csv").write_text("text,label\n" + rows)
        files = {split: str(tmp_path / f"{split}.csv") for split in ("train", "validation", "test")}
        splits = load_data(FilesSource(name="x", **files)).splits
        tokenizer = WordsTokenizer(minimum_count=1).train(splits["train"]["text"])
        ids = tokenize(splits["train"]["text"], tokenizer)
        vectors.append(CorpusEmbedding(name="corpus", embedding_size=4).build(vocabulary_of(tokenizer), ids).vectors)
    np.testing.assert_array_equal(*vectors)
