"""Classify texts with a trained checkpoint; JSON lines come out, one a text, in the order of the input.

python -m textlstm.predict RUN "some text"
python -m textlstm.predict RUN texts.txt
python -m textlstm.predict RUN < texts.jsonl
python -m textlstm.predict RUN "one text" "another"      # where it was trained on pairs
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from rich.console import Console

from textlstm.data.text_files import is_utf8
from textlstm.errors import UserError
from textlstm.use.checkpoint import load_classifier
from textlstm.use.classify import Classifier, Text
from textlstm.use.lines import read_chunks
from textlstm.use.progress import watch
from textlstm.use.records import JSON_SUFFIXES, TABLE_SUFFIXES, Record, format_record, is_json, parse_line

STDIN = 0


def predict(checkpoint: str, texts: Sequence[Text]) -> list[dict[str, float]]:
    """Class name -> probability for each text (for pairs, tuples of two), the most probable first.

    checkpoint: RUN, RUN/model, RUN/onnx or an .onnx file in it. Raises `UserError` for one that cannot be loaded, and
    for a text that is empty or not UTF-8.
    """
    for text in texts:
        for part in [text] if isinstance(text, str) else text:
            check_text(part)
    classifier = load_classifier(checkpoint)
    try:
        return [result["probabilities"] for result in classifier(texts)]
    except ValueError as error:
        raise UserError(str(error)) from error


def check_text(text: str) -> None:
    """Raise `UserError` for a text without words and for one that is not UTF-8."""
    if not text.strip():
        raise UserError("The text is empty.\nGive at least one word.")
    if not is_utf8(text):
        raise UserError("The text is not UTF-8.\nConvert it first, or set the terminal to UTF-8.")


def predict_words(checkpoint: str, words: list[str]) -> None:
    """Print the prediction for the text that `words` are, or for the two texts that they are where pairs are read."""
    check_text(" ".join(words))
    classifier = load_classifier(checkpoint)
    if classifier.separator is None:
        write([Record(" ".join(words))], classifier)
        return
    if len(words) != 2:
        raise UserError(
            f"{len(words)} text(s) given, and the checkpoint reads pairs.\nGive two, each in quotes, or JSON lines with text and text_pair."
        )
    for word in words:
        check_text(word)
    write([Record((words[0], words[1]))], classifier)


def predict_stream(checkpoint: str, path: Path | None) -> None:
    """Print a prediction for each line of a file, or of standard input, as they come.

    Raises `UserError` for a line that cannot be used, after the answers for those before it.
    """
    if path is None and os.isatty(STDIN):
        print("Reading texts, one a line; Ctrl-D ends.", file=sys.stderr)
    classifier = load_classifier(checkpoint)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)) if path else STDIN
    with watch(path.stat().st_size if path else None) as advance:
        number, as_json = 0, False
        for lines in read_chunks(descriptor):
            as_json = is_json(path, lines[0]) if number == 0 else as_json
            answer(lines, number, classifier, as_json=as_json)
            number += len(lines)
            advance(len(lines), sum(map(len, lines)) + len(lines))
    if number == 0:
        raise UserError(
            f"{path or 'Standard input'} holds no text.\nGive lines of text or JSON lines, or a text: python -m textlstm.predict RUN 'some text'."
        )


def answer(lines: list[bytes], before: int, classifier: Classifier, *, as_json: bool) -> None:
    """Print a prediction for each line up to the first that cannot be used, which is then raised."""
    records: list[Record] = []
    problem = None
    for number, line in enumerate(lines, before + 1):
        try:
            pairs = classifier.separator is not None
            records.append(parse_line(line, number, as_json=as_json, pairs=pairs))
        except UserError as error:
            problem = error
            break
    write(records, classifier)
    if problem:
        raise problem


def write(records: list[Record], classifier: Classifier) -> None:
    """Classify and print, all or nothing of these."""
    predictions = classifier([record.text for record in records]) if records else []
    out: BinaryIO = sys.stdout.buffer
    out.writelines(map(format_record, records, predictions))
    out.flush()


def find_file(words: list[str]) -> Path | None:
    """The file that is meant; None where the words are the text. Raises `UserError` for a file that is not there."""
    # Not Path.is_file, which raises for a text longer than any path.
    files = [word for word in words if os.path.isfile(word)]
    if len(words) > 1 and files:
        raise UserError(
            f"{files[0]} is a file among {len(words)} arguments.\nGive one file, or put the text in quotes."
        )
    suffix = Path(words[0]).suffix.lower() if len(words) == 1 and " " not in words[0].strip() else ""
    if suffix in TABLE_SUFFIXES:
        raise UserError(
            f"{words[0]} is a table.\nGive lines of text or JSON lines; to score a table: python evaluate.py checkpoint=RUN dataset=files dataset.test=FILE."
        )
    if suffix in (".txt", *JSON_SUFFIXES) and not files:
        raise UserError(f"{words[0]} is not a file.\nGive a file, or a text of more than one word.")
    return Path(files[0]) if files else None


def main() -> None:
    """Predict what the command line says; errors are two lines on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m textlstm.predict", description="Classify texts with a trained checkpoint; JSON lines come out."
    )
    parser.add_argument("checkpoint", help="folder of a run, its model/ or onnx/ folder, or an .onnx file")
    parser.add_argument(
        "text",
        nargs="*",
        metavar="FILE|text",
        help='a file of lines or of JSON lines {"text": ...}, or the text itself, whose words are joined by spaces (for a network of pairs: its two texts, each in quotes); nothing or -: standard input',
    )
    arguments = parser.parse_args()
    words = [] if arguments.text == ["-"] else arguments.text
    try:
        path = find_file(words)
        if words and path is None:
            predict_words(arguments.checkpoint, words)
        else:
            predict_stream(arguments.checkpoint, path)
    except (UserError, OSError, KeyboardInterrupt) as error:
        end(error)


def end(error: BaseException) -> NoReturn:
    """Leave with a message for a person; without one where a pipe was closed or Ctrl-C pressed."""
    if isinstance(error, KeyboardInterrupt):
        sys.exit(130)
    if isinstance(error, BrokenPipeError):
        # What Python would still write when it ends must find no broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"Error: {error}", markup=False)
    sys.exit(1)


if __name__ == "__main__":
    main()
