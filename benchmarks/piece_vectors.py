"""How well pieces of words rebuild words: the table of docs/embeddings.md, from real vectors and tokenizers.

    python -m benchmarks.piece_vectors

A tenth of the words of a GloVe file is held out. Vectors of pieces are made of the others, by means over the words
that hold a piece and by least squares, and the mean of a word's pieces is compared with the word's own vector. About
a minute on one core.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.pieces import MOST_WORDS, fit_pieces, piece_shares
from textlstm.embeddings.vocabulary import Vocabulary

DATA = Path(os.environ.get("TEXTLSTM_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
KINDS = {"BPE": (models.BPE, trainers.BpeTrainer), "WordPiece": (models.WordPiece, trainers.WordPieceTrainer)}
CASES = (("BPE", 4000), ("BPE", 16_000), ("WordPiece", 8000), ("Unigram", 8000))
SPECIAL = ["<pad>", "<unk>"]


def train(kind: str, size: int, texts: list[str]) -> Vocabulary:
    """A tokenizer of lower-case words, as a vocabulary."""
    options = {"vocab_size": size, "special_tokens": SPECIAL, "show_progress": False}
    if kind == "Unigram":
        tokenizer, trainer = Tokenizer(models.Unigram()), trainers.UnigramTrainer(unk_token="<unk>", **options)
    else:
        model, trainer_class = KINDS[kind]
        tokenizer, trainer = Tokenizer(model(unk_token="<unk>")), trainer_class(**options)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainer)
    number = tokenizer.get_vocab()
    return Vocabulary(
        sorted(number, key=number.__getitem__),
        unit="pieces",
        encode=lambda words: [encoding.ids for encoding in tokenizer.encode_batch(list(words))],
    )


def mean_over_words(shares: csr_matrix, vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean, for each piece, of the vectors of the words that hold it."""
    weighted = shares.multiply(weights[:, None]).tocsr()
    return (weighted.T @ vectors) / np.maximum(np.asarray(weighted.sum(axis=0)).ravel()[:, None], 1e-30)


def cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of each row with its like."""
    return (left * right).sum(axis=1) / np.maximum(np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1), 1e-9)


def compare(vocabulary: Vocabulary, words: list[str], vectors: np.ndarray) -> dict[str, tuple[float, float]]:
    """For each way: mean cosine of held-out words of several pieces, and of words of one piece by 1 / rank."""
    shares = piece_shares(words, vocabulary)
    ranks = np.arange(1.0, len(words) + 1)
    written = np.diff(shares.indptr) > 0
    single = np.asarray(shares.max(axis=1).todense()).ravel() == 1
    held = np.random.default_rng(0).random(len(words)) < 0.1
    used = written & ~held
    known = np.asarray(shares[used].sum(axis=0)).ravel() > 0
    several = held & written & ~single & (np.asarray(shares[:, ~known].sum(axis=1)).ravel() == 0)
    ways = {
        "mean, 1/rank": mean_over_words(shares[used], vectors[used], 1 / ranks[used]),
        "mean": mean_over_words(shares[used], vectors[used], np.ones(used.sum())),
    }
    for power in (0, 0.5, 1):
        ways[f"least squares, rank^-{power}"] = fit_pieces(shares[used], vectors[used], ranks[used] ** -power)
    found = {name: cosine(shares @ pieces, vectors) for name, pieces in ways.items()}
    return {
        name: (float(near[several].mean()), float(np.average(near[single], weights=1 / ranks[single])))
        for name, near in found.items()
    }


def main() -> None:
    """Print a line for each tokenizer and way."""
    source = GloveEmbedding(name="glove", path=str(DATA / "glove.6B.100d.top150k.txt.gz")).open()
    words, vectors = source.words[:MOST_WORDS], source.take(np.arange(MOST_WORDS))
    texts = [text for name in ("trec6", "reuters_r8") for text in pd.read_csv(DATA / name / "train.csv")["text"]]
    for kind, size in CASES:
        for name, (held, whole) in compare(train(kind, size, texts), words, vectors).items():
            print(f"{kind:10}{size:7,}  {name:26} held out {held:.2f}  whole words {whole:.2f}", flush=True)


if __name__ == "__main__":
    main()
