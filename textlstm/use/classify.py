"""Classify texts with an exported network: needs onnxruntime, tokenizers and numpy, and nothing else.

python classify.py "some text"          # lies beside model.onnx
python classify.py --int8 < lines.txt   # a text a line in, JSON lines out

from classify import Classifier
Classifier("RUN/onnx")(["some text", "another"])
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

FULL, INT8 = "model.onnx", "model.int8.onnx"
BATCH_SIZE = 64
LINES = 1024
"""Lines that are classified together, so that texts of similar length can share a batch."""


class Classifier:
    """An exported network, ready to use.

    path: the folder with model.onnx, tokenizer.json and config.json, or an .onnx file in it. threads: 0 takes the
    cores that this process may use. Raises `ValueError` for what lacks or is damaged.
    """

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        file = Path(path) if str(path).endswith(".onnx") else Path(path) / FULL
        import onnxruntime  # here, since what is above serves also where it is not installed

        try:
            self.config: dict[str, Any] = json.loads((file.parent / "config.json").read_text(encoding="utf-8"))
            self.labels: list[str] = self.config["labels"]
            self.max_length: int = self.config["max_length"]
            self.from_end: int = self.config.get("kept_from_end", 0)
            self.pad_id: int = self.config["pad_token_id"]
            self.unknown_id: int = self.config["unk_token_id"]
            self.tokenizer = Tokenizer.from_file(str(file.parent / "tokenizer.json"))
            self.tokenizer.no_truncation()
            self.tokenizer.no_padding()
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            options.intra_op_num_threads = threads or usable_cores()
            self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the libraries' own classes have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"{file} cannot be loaded: {reason}\nExport the checkpoint again, or copy the whole folder again."
            ) from error

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """For each text its `label`, and `probabilities`: class -> share, the most probable first.

        Raises `ValueError` for an empty text.
        """
        for number, text in enumerate(texts, 1):
            if not text.strip():
                raise ValueError(f"Text {number} is empty.\nGive at least one word.")
        return [describe(row, self.labels) for row in self.logits(self.encode(texts))]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Texts as ids, cut where training cut them; one in which the tokenizer finds nothing is one unknown token."""
        encodings = self.tokenizer.encode_batch(list(texts))
        return [cut(encoding.ids, self.max_length, self.from_end) or [self.unknown_id] for encoding in encodings]

    def logits(self, ids: Sequence[Sequence[int]]) -> "np.ndarray":
        """Logits float32 [N, C], in the order of `ids`; batches run from short to long texts."""
        logits = np.empty((len(ids), len(self.labels)), np.float32)
        order = np.argsort([len(text) for text in ids], kind="stable")
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            logits[chosen] = self.run(*pad([ids[i] for i in chosen], self.pad_id))
        return logits

    def run(self, input_ids: "np.ndarray", attention_mask: "np.ndarray") -> "np.ndarray":
        """Ids and mask int64 [B, T], padding behind -> logits [B, C]."""
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
        return self.session.run(["logits"], feeds)[0]  # type: ignore[no-any-return]


def cut(ids: list[int], max_length: int, from_end: int = 0) -> list[int]:
    """At most `max_length` of `ids`: the last `from_end`, and before them the first ones."""
    if len(ids) <= max_length:
        return ids
    return ids[: max_length - from_end] + ids[len(ids) - from_end :]


def pad(texts: Sequence[Sequence[int]], pad_id: int) -> tuple["np.ndarray", "np.ndarray"]:
    """Ids and mask int64 [B, T]."""
    shape = len(texts), max(map(len, texts))
    ids, mask = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def describe(logits: "np.ndarray", labels: Sequence[str]) -> dict[str, Any]:
    """The best class, and every class with its probability, the most probable first."""
    shares = np.exp(logits.astype(np.float64) - logits.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    return {"label": labels[order[0]], "probabilities": {labels[i]: float(shares[i]) for i in order}}


def usable_cores() -> int:
    """Those this process may use: in a container often fewer than the machine has, which onnxruntime would take."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """JSON lines, one a text."""
    parser = argparse.ArgumentParser(description="Classify texts; JSON lines come out.")
    parser.add_argument("text", nargs="*", help="the text; without one, standard input, a text a line")
    parser.add_argument("--int8", action="store_true", help="take the quantized network")
    arguments = parser.parse_args()
    try:
        classify = Classifier(Path(__file__).parent / (INT8 if arguments.int8 else FULL))
        lines = [" ".join(arguments.text).encode("utf-8", "surrogateescape")] if arguments.text else sys.stdin.buffer
        for texts in _chunks(lines):
            for result in classify(texts):
                sys.stdout.buffer.write((json.dumps(result, ensure_ascii=False) + "\n").encode())
            sys.stdout.buffer.flush()
    except ImportError as error:
        sys.exit(f"Error: classify.py needs {error.name}.\nInstall it: pip install onnxruntime tokenizers numpy")
    except ValueError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # What Python would still write when it ends must find no broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)


def _chunks(lines: Iterable[bytes]) -> Iterator[list[str]]:
    chunk = []
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            raise ValueError(f"Line {number} is not UTF-8.\nConvert the texts first.") from error
        if not text:
            raise ValueError(f"Line {number} is empty.\nGive a text a line.")
        chunk.append(text)
        if len(chunk) == LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


if __name__ == "__main__":
    main()
