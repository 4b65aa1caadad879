"""Classify texts with an exported network: needs onnxruntime, tokenizers and numpy, and nothing else.

python classify.py "some text"          # lies beside model.onnx
python classify.py --int8 < lines.txt   # a text a line in, JSON lines out
python classify.py "one" "another"      # for a network that reads pairs; as lines {"text": ..., "text_pair": ...}

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
Text = str | tuple[str, str]
"""What is classified: a text, or a pair of them where the network reads pairs."""

LINES = 1024
"""Lines that are classified together, so that texts of similar length can share a batch."""


class Classifier:
    """An exported network, ready to use.

    path: the folder with model.onnx, tokenizer.json and config.json, or an .onnx file in it. threads: 0 takes the
    cores that this process may use. Raises `ValueError` for what lacks or is damaged.
    thresholds: where a text may have several labels, the probability from which on each class is one; else None.
    separator: the id of the token between two texts, where the network reads pairs; else None.
    """

    thresholds: list[float] | None = None
    separator: int | None = None

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        file = Path(path) if str(path).endswith(".onnx") else Path(path) / FULL
        import onnxruntime  # here, since what is above serves also where it is not installed

        try:
            self.config: dict[str, Any] = json.loads((file.parent / "config.json").read_text(encoding="utf-8"))
            self.labels: list[str] = self.config["labels"]
            self.max_length: int = self.config["max_length"]
            self.from_end: int = self.config.get("kept_from_end", 0)
            self.thresholds = self.config.get("thresholds")
            self.separator = self.config.get("separator_id")
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

    def __call__(self, texts: Sequence[Text]) -> list[dict[str, Any]]:
        """For each text its `label`, and `probabilities`: class -> share, the most probable first.

        Where a text may have several labels, `labels` instead, a list. Where the network reads pairs, each text is a tuple
        of two. Raises `ValueError` for an empty text, a pair for a network of single texts, and the other way round.
        """
        for number, text in enumerate(texts, 1):
            self.check(text, f"Text {number}")
        return [describe(row, self.labels, self.thresholds) for row in self.logits(self.encode(texts))]

    def check(self, text: Text, name: str) -> None:
        """Raise `ValueError` for a text that is empty, or no pair where the network reads pairs; `name` is what it is called."""
        if isinstance(text, str) != (self.separator is None):
            raise ValueError(
                f"{name} is a pair, and the network reads single texts.\nGive one text."
                if self.separator is None
                else f"{name} is one text, and the network reads pairs.\nGive tuples of two texts."
            )
        if not all(part.strip() for part in ([text] if isinstance(text, str) else text)):
            raise ValueError(f"{name} is empty.\nGive at least one word.")

    def encode(self, texts: Sequence[Text]) -> list[list[int]]:
        """Texts as ids, cut where training cut them; one in which the tokenizer finds nothing is one unknown token."""
        if self.separator is not None:
            whole = encode_pairs(self.tokenizer, texts, self.separator, self.unknown_id)  # type: ignore[arg-type]
            return [cut_pair(ids, self.max_length, self.from_end, self.separator) for ids in whole]
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


def encode_pairs(
    tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], separator: int, unknown: int
) -> list[list[int]]:
    """Ids of each pair, uncut: the first text, the separator, the second; the separator stands once, whatever they hold."""
    tokenizer.encode_special_tokens = True
    sides = []
    for side in zip(*pairs, strict=True):
        found = [encoding.ids for encoding in tokenizer.encode_batch(list(side), add_special_tokens=False)]
        sides.append([[unknown if i == separator else i for i in ids] or [unknown] for ids in found])
    return [[*first, separator, *second] for first, second in zip(*sides, strict=True)]


def cut_pair(ids: list[int], max_length: int, from_end: int, separator: int) -> list[int]:
    """At most `max_length` of `ids`: the longer text loses tokens first, then both in turn."""
    if len(ids) <= max_length:
        return ids
    place = ids.index(separator)
    first, second = ids[:place], ids[place + 1 :]
    room = max_length - 1
    kept = min(len(first), len(second), room // 2)
    sizes = (kept, room - kept) if len(first) <= len(second) else (room - kept, kept)
    ends = [{0: 0, max_length: size}.get(from_end, size // 2) for size in sizes]
    return [*cut(first, sizes[0], ends[0]), separator, *cut(second, sizes[1], ends[1])]


def pad(texts: Sequence[Sequence[int]], pad_id: int) -> tuple["np.ndarray", "np.ndarray"]:
    """Ids and mask int64 [B, T]."""
    shape = len(texts), max(map(len, texts))
    ids, mask = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def describe(logits: "np.ndarray", labels: Sequence[str], thresholds: Sequence[float] | None = None) -> dict[str, Any]:
    """The best class, and every class with its probability, the most probable first.

    With `thresholds` every class by itself: `labels` are those that reach theirs, of which there may be none.
    """
    logits = logits.astype(np.float64)
    if thresholds is not None:
        chances = np.exp(-np.logaddexp(0, -logits))
        order = np.argsort(-chances, kind="stable")
        found = [labels[i] for i in order if chances[i] >= thresholds[i]]
        return {"labels": found, "probabilities": {labels[i]: float(chances[i]) for i in order}}
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    return {"label": labels[order[0]], "probabilities": {labels[i]: float(shares[i]) for i in order}}


def usable_cores() -> int:
    """Those this process may use: in a container often fewer than the machine has, which onnxruntime would take."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """JSON lines, one a text."""
    parser = argparse.ArgumentParser(description="Classify texts; JSON lines come out.")
    parser.add_argument(
        "text",
        nargs="*",
        help="the text, or the two of a pair; without one, standard input, a text (or a JSON pair) a line",
    )
    parser.add_argument("--int8", action="store_true", help="take the quantized network")
    arguments = parser.parse_args()
    try:
        classify = Classifier(Path(__file__).parent / (INT8 if arguments.int8 else FULL))
        given, pairs = arguments.text, classify.separator is not None
        lines = [" ".join(given).encode("utf-8", "surrogateescape")] if given else sys.stdin.buffer
        for texts in [[_given(given)]] if given and pairs else _chunks(lines, pairs=pairs):
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


def _given(texts: Sequence[str]) -> Text:
    """The pair that stands on the command line."""
    try:
        " ".join(texts).encode()
    except UnicodeEncodeError as error:
        raise ValueError("The text is not UTF-8.\nConvert it first.") from error
    if len(texts) != 2:
        raise ValueError(
            f"{len(texts)} text(s) given, and the network reads pairs.\nGive two, each in quotes, or lines of JSON."
        )
    return texts[0], texts[1]


def _chunks(lines: Iterable[bytes], *, pairs: bool = False) -> Iterator[list[Text]]:
    chunk: list[Text] = []
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            raise ValueError(f"Line {number} is not UTF-8.\nConvert the texts first.") from error
        if not text:
            raise ValueError(f"Line {number} is empty.\nGive a text a line.")
        chunk.append(_pair(text, number) if pairs else text)
        if len(chunk) == LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _pair(line: str, number: int) -> tuple[str, str]:
    try:
        record = json.loads(line)
        first, second = record["text"], record["text_pair"]
        if not (isinstance(first, str) and isinstance(second, str) and first.strip() and second.strip()):
            raise ValueError("a text is empty, or no text")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'Line {number} is no pair of texts.\nGive JSON lines: {{"text": "...", "text_pair": "..."}}.'
        ) from error
    return first, second


if __name__ == "__main__":
    main()
