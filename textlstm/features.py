"""States of a frozen encoder for every token of texts, computed once and kept in the user's cache.

A frozen encoder gives the same states in every epoch and every run: its forward pass, most of the time of a step, is paid
once. The name of a file is a hash of the encoder's weights and settings and of the texts' ids, so that a run, the
other runs of its study, and an evaluation of the checkpoint find the same file, and whatever changes makes another one.
Numbers are kept in float16, which halves the file; what that changes is in docs/encoders.md. A file is written
aside and renamed, and a lock lets one process compute what several ask for. Without a place to write they stay in memory.
"""

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from textlstm.cache import cache_folder, locked
from textlstm.data.batches import Collator, EncodedTexts
from textlstm.data.features import TextFeatures
from textlstm.embeddings.source import EmbeddingTable
from textlstm.embeddings.transformer import config_values
from textlstm.model.encoder import PretrainedEncoder
from textlstm.network import build_encoder

FORMAT = np.float16
BATCH_SIZE = 32
LOCK = "features.lock"


def with_features(
    splits: dict[str, EncodedTexts], encoder: PretrainedEncoder, say: Callable[[str], None] = lambda _: None
) -> dict[str, EncodedTexts]:
    """The same texts with `features`, a file a split; `say` is told of what is computed now."""
    digest = encoder_digest(encoder)
    return {
        name: texts.with_features(
            compute_once(
                texts,
                encoder,
                digest,
                partial(say, f"encoder   states of {len(texts):,} {name} texts are computed once"),
            )
        )
        for name, texts in splits.items()
    }


def prepare_features(
    splits: dict[str, EncodedTexts],
    table: EmbeddingTable,
    *,
    trainable: bool,
    baseline: bool,
    max_length: int,
    device: torch.device,
    say: Callable[[str], None],
) -> tuple[dict[str, EncodedTexts], dict[str, np.ndarray] | None]:
    """The texts with the states of a frozen encoder, and for its baseline, if asked for, mean vectors [N, E] of every split.

    Without an encoder the texts as they are, and None. One that is to be fine-tuned changes in training: then the texts stay
    as they are, and the mean vectors are those that it has before. Raises `UserError` where texts may be too long for it.
    """
    if table.encoder is None or (trainable and not baseline):
        return splits, None
    source = dataclasses.replace(table.encoder, features="last") if trainable else table.encoder
    computed = with_features(splits, build_encoder(source, max_length).to(device), say)
    vectors = {name: pooled(texts) for name, texts in computed.items()} if baseline else None
    return splits if trainable else computed, vectors


def compute_once(texts: EncodedTexts, encoder: PretrainedEncoder, digest: str, say: Callable[[], None]) -> TextFeatures:
    """The states of all texts, from the cache where they are."""
    lengths = texts.lengths.astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    shape = (int(lengths.sum()), *state_shape(encoder))
    path = cache_folder() / f"features-{texts_digest(texts, digest)}.npy"
    if is_whole(path, shape):
        return TextFeatures(path, starts, lengths)
    lock = locked(path.parent, LOCK)
    if lock is None:
        say()
        values = np.empty(shape, FORMAT)
        fill(values, texts, encoder, starts)
        return TextFeatures(values, starts, lengths)
    try:
        if not is_whole(path, shape):
            say()
            return TextFeatures(_write(path, shape, texts, encoder, starts), starts, lengths)
        return TextFeatures(path, starts, lengths)
    finally:
        lock.release()


def _write(
    path: Path, shape: tuple[int, ...], texts: EncodedTexts, encoder: PretrainedEncoder, starts: np.ndarray
) -> Path | np.ndarray:
    """Write aside and rename; where the disk is full, the numbers themselves."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        size = int(np.prod(shape)) * np.dtype(FORMAT).itemsize
        if hasattr(os, "posix_fallocate") and size:
            with open(temporary, "r+b") as file:
                # A full disk has to be an error here: in the middle of a mapped file it would end the process.
                os.posix_fallocate(file.fileno(), 0, size + 4096)
        values = np.lib.format.open_memmap(temporary, mode="w+", dtype=FORMAT, shape=shape)
        fill(values, texts, encoder, starts)
        values.flush()
        del values
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        return path
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        kept = np.empty(shape, FORMAT)
        fill(kept, texts, encoder, starts)
        return kept
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def fill(values: np.ndarray, texts: EncodedTexts, encoder: PretrainedEncoder, starts: np.ndarray) -> None:
    """Run the encoder over all texts, from short to long, and write their states to their places."""
    for chosen, states in encode(texts, encoder):
        for row, index in enumerate(chosen):
            length = texts.lengths[index]
            values[starts[index] : starts[index] + length] = states[row, :length]


def encode(texts: EncodedTexts, encoder: PretrainedEncoder) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices [B] and states [B, T, ...] of batch after batch; the batches depend on the texts alone."""
    collate, order = Collator(encoder.padding), texts.by_length()
    device = next(encoder.parameters()).device
    was_training = encoder.training
    encoder.eval()
    with torch.inference_mode():
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            batch = collate([{"input_ids": texts.ids[index]} for index in chosen])
            states = encoder(batch["input_ids"].to(device), batch["attention_mask"].to(device).bool())
            yield chosen, states.float().cpu().numpy()
    encoder.train(was_training)


def state_shape(encoder: PretrainedEncoder) -> tuple[int, ...]:
    """Of one token: [E], or [K, E] for a mix."""
    return (encoder.layers + 1, encoder.size) if encoder.features == "mix" else (encoder.size,)


def encoder_digest(encoder: PretrainedEncoder) -> str:
    """Equal for encoders with the same weights, which read texts in the same way: that of a folder, and a checkpoint's."""
    config = config_values(encoder.model.config)
    settings = [config, encoder.features, encoder.before, encoder.behind, encoder.unknown]
    written = json.dumps([settings, np.dtype(FORMAT).name, BATCH_SIZE], sort_keys=True, default=str)
    digest = hashlib.sha256(written.encode())
    for name, weight in sorted(encoder.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def texts_digest(texts: EncodedTexts, encoder: str) -> str:
    """Equal for the same ids, as they are read, and the same encoder."""
    digest = hashlib.sha256(encoder.encode())
    digest.update(texts.lengths.astype(np.int64).tobytes())
    for ids in texts.ids:
        digest.update(np.asarray(ids, np.int64).tobytes())
    return digest.hexdigest()[:32]


def is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether the file stands there with all of its numbers."""
    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.shape == shape and found.dtype == FORMAT)


def pooled(texts: EncodedTexts) -> np.ndarray:
    """Mean of each text's token vectors in the last layer, float32 [N, E]; `texts` have features."""
    assert texts.features is not None
    one = [np.asarray(texts.features[index], np.float32) for index in range(len(texts))]
    return np.stack([(states if states.ndim == 2 else states[:, -1]).mean(axis=0) for states in one])
