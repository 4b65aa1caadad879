"""Word vectors: counts, PMI and SVD against loops; what reaches the network."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from textlstm.data.batches import tokenize
from textlstm.data.files import FilesSource
from textlstm.data.load import load_data
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.embeddings.corpus import CorpusEmbedding, count_pairs, positive_pmi
from textlstm.embeddings.random import RandomEmbedding
from textlstm.embeddings.source import EmbeddingTable, coverage
from textlstm.embeddings.vocabulary import Vocabulary
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


# Sources without a file


def test_sources_without_a_file_offer_no_words():
    for source in (RandomEmbedding(name="random"), CorpusEmbedding(name="corpus")):
        assert tuple(source.words()) == ((), 0)


def test_random_vectors_know_no_coverage():
    table = RandomEmbedding(name="random", embedding_size=7).build(Vocabulary(["<pad>", "<unk>", "a"]), [[2]])
    assert (table.size, table.vectors) == (7, None)
    assert coverage(table, (0, 1), [[2]]) is None


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
