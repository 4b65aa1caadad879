"""Flair's side of `benchmarks.peers`, in an environment of its own: only flair is needed.

Reads a shape from standard input as JSON, as `keras_step.py` does, and prints the seconds of each round. Token vectors that
are trained (`OneHotEmbeddings`), `DocumentRNNEmbeddings` with LSTMs in both directions, `TextClassifier`, AdamW.
"""

import json
import logging
import sys
import time
from typing import Any


def build(shape: dict[str, Any], words: list[str]) -> Any:
    """As its documentation builds a text classifier."""
    from flair.data import Dictionary
    from flair.embeddings import DocumentRNNEmbeddings, OneHotEmbeddings
    from flair.models import TextClassifier

    vocabulary, labels = Dictionary(), Dictionary(add_unk=False)
    for word in words:
        vocabulary.add_item(word)
    for number in range(shape["classes"]):
        labels.add_item(str(number))
    embeddings = DocumentRNNEmbeddings(
        [OneHotEmbeddings(vocabulary, embedding_length=shape["vectors"])],
        hidden_size=shape["hidden"],
        rnn_layers=shape["layers"],
        reproject_words=False,
        bidirectional=True,
        dropout=0.0,
        rnn_type="LSTM",
    )
    return TextClassifier(embeddings, label_type="class", label_dictionary=labels)


def main() -> None:
    """Two rounds to warm up, then those that count. Sentences are made once; what is kept of them is forgotten each time."""
    logging.disable(logging.INFO)
    import numpy as np
    import torch
    from flair.data import Sentence

    shape = json.load(sys.stdin)
    torch.set_num_threads(shape["threads"])
    random = np.random.default_rng(0)
    words = [f"w{number}" for number in range(shape["vocabulary"])]
    batches = []
    for lengths in shape["batches"]:
        sentences = [Sentence([words[i] for i in random.integers(0, len(words), length)]) for length in lengths]
        for sentence in sentences:
            sentence.add_label("class", str(random.integers(0, shape["classes"])))
        batches.append(sentences)
    model = build(shape, words)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    seconds = []
    for _ in range(shape["rounds"] + 2):
        started = time.perf_counter()
        for sentences in batches:
            model.forward_loss(sentences)[0].backward()
            optimizer.step()
            optimizer.zero_grad()
        seconds.append(time.perf_counter() - started)
        for sentences in batches:
            for sentence in sentences:
                sentence.clear_embeddings()
    print(json.dumps(seconds[2:]))


if __name__ == "__main__":
    main()
