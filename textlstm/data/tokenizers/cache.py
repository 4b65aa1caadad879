"""Train a tokenizer once for the same texts and settings, and keep it in the user's cache.

Training twice gives the same vocabulary for words, characters and BPE alone: `WordPiece` and `Unigram` order ties by
hash tables that differ from process to process. So what was trained first is kept, and the same run gives the same
digits again; on another machine, or with an emptied cache, such a vocabulary may differ. A checkpoint holds its own.

The name of an entry is a hash of the texts, of the untrained tokenizer, of the trainer's settings and of the version of
`tokenizers`: whatever changes makes another entry. A lock lets one process train what several ask for, an entry is
written aside and renamed, and one whose checksum is wrong is made anew. Without a place to write nothing is kept.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Tokenizer, trainers

from textlstm.cache import cache_folder, locked
from textlstm.files import write_atomically

LOCK = "tokenizers.lock"


def train_once(untrained: Tokenizer, trainer: str, settings: dict[str, Any], texts: Sequence[str]) -> Tokenizer:
    """`untrained`, trained on `texts` by the class `trainer` of `tokenizers.trainers`, or taken from the cache."""
    path = cache_folder() / f"tokenizer-{cache_key(untrained, trainer, settings, texts)}.json"
    lock = locked(path.parent, LOCK)
    if lock is None:
        return Tokenizer.from_str(_train(untrained, trainer, settings, texts))
    try:
        content = _read(path)
        if content is None:
            content = _train(untrained, trainer, settings, texts)
            _write(path, content)
        # Read back in either case, so that the first run has what the second will have.
        return Tokenizer.from_str(content)
    finally:
        lock.release()


def cache_key(untrained: Tokenizer, trainer: str, settings: dict[str, Any], texts: Sequence[str]) -> str:
    """Equal for what gives the same vocabulary, as far as training gives the same twice."""
    digest = hashlib.sha256(json.dumps([tokenizers.__version__, untrained.to_str(), trainer, settings]).encode())
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()[:32]


def _train(untrained: Tokenizer, trainer: str, settings: dict[str, Any], texts: Sequence[str]) -> str:
    untrained.train_from_iterator(texts, getattr(trainers, trainer)(**settings, show_progress=False))
    return str(untrained.to_str())


def _read(path: Path) -> str | None:
    """What was written, or None where there is nothing or not all of it."""
    try:
        checksum, _, content = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return content if checksum == _checksum(content) else None


def _write(path: Path, content: str) -> None:
    try:
        write_atomically(path, f"{_checksum(content)}\n{content}")
    except OSError:  # a full disk costs the next run its time, and this one nothing
        return


def _checksum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
