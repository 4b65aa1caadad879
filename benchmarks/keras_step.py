"""Keras's side of `benchmarks.peers`, in an environment of its own: only TensorFlow and numpy are needed.

Reads a shape from standard input as JSON (layers, hidden, dropout, vocabulary, vectors, classes, rounds and batches, each a list of
lengths) and prints the seconds of each round. Masked Bidirectional(LSTM) layers, the largest state of each unit, AdamW.
"""

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def build(shape: dict[str, Any]) -> Any:
    """The usual model of the tutorials, compiled with `tf.function` as Keras does by itself."""
    import keras

    layers = keras.layers
    parts: list[Any] = [layers.Embedding(shape["vocabulary"], shape["vectors"], mask_zero=True)]
    for _ in range(shape["layers"]):
        parts.append(
            layers.Bidirectional(
                layers.LSTM(shape["hidden"], return_sequences=True, recurrent_dropout=shape["dropout"])
            )
        )
    parts += [layers.GlobalMaxPooling1D(), layers.Dense(shape["classes"])]
    model = keras.Sequential(parts)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.AdamW(1e-4), loss=loss)
    return model


def main() -> None:
    """Two rounds to warm up (every new length is traced), then those that count."""
    import numpy as np
    import tensorflow as tf

    shape = json.load(sys.stdin)
    tf.config.threading.set_intra_op_parallelism_threads(shape["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(1)
    random = np.random.default_rng(0)
    batches = []
    for lengths in shape["batches"]:
        ids = np.zeros((len(lengths), max(lengths)), np.int32)
        for row, length in enumerate(lengths):
            ids[row, :length] = random.integers(2, shape["vocabulary"], length)
        batches.append((ids, random.integers(0, shape["classes"], len(lengths))))
    model = build(shape)
    seconds = []
    for _ in range(shape["rounds"] + 2):
        started = time.perf_counter()
        for ids, labels in batches:
            model.train_on_batch(ids, labels)
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds[2:]))


if __name__ == "__main__":
    main()
