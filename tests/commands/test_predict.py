"""`python -m textlstm.predict`: a text, a file or a stream in, JSON lines out."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import textlstm.predict
import textlstm.use.lines
from textlstm.errors import UserError
from textlstm.predict import predict
from textlstm.use.checkpoint import load_classifier
from textlstm.use.lines import read_chunks

ROOT = Path(__file__).resolve().parents[2]
LABELS = {"sport", "tech", "food"}


def parsed(out: str) -> list[dict[str, Any]]:
    """The JSON lines that came out, checked for what each of them must hold."""
    records = [json.loads(line) for line in out.splitlines()]
    for record in records:
        shares = record["probabilities"]
        assert shares.keys() == LABELS
        assert record["label"] == max(shares, key=shares.__getitem__)
        assert sum(shares.values()) == pytest.approx(1)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
    return records


@contextmanager
def standard_input(path: Path) -> Iterator[None]:
    """A file as this process's standard input."""
    kept, opened = os.dup(0), os.open(path, os.O_RDONLY)
    try:
        os.dup2(opened, 0)
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(opened)


@pytest.fixture
def answers(desk, finished) -> Callable[..., list[dict[str, Any]]]:
    """What comes out for arguments, which must succeed and say nothing else."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        outcome = desk.run("predict", str(finished.folder), *arguments)
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        return parsed(outcome.out)

    return run


# ---------------------------------------------------------------- a text


@pytest.mark.parametrize("text", ["😀 unseen words only", "a " * 5000, "[bold]goal[/x]", "-- goal", "{", "...", "goal"])
def test_any_text(answers, text):
    (record,) = answers("--", text)
    assert record.keys() == {"label", "probabilities"}


def test_words_without_quotes_are_one_text(answers):
    assert answers("goal", "team", "match") == answers("goal team match")


def test_a_folder_of_the_name_of_a_text_is_no_file(answers, desk):
    (desk.place / "goal").mkdir()
    assert len(answers("goal")) == 1


def test_it_agrees_with_the_stored_predictions(desk):
    rows = desk.rows(9, seed=2)
    desk.csv("test.csv", rows)
    run = desk.train("dataset.test=test.csv").folder
    table = pd.read_parquet(run / "predictions.parquet")
    names = desk.report(run)["labels"]
    for checkpoint in (run, run / "model"):
        found = predict(str(checkpoint), [text for text, _ in rows])
        for row, result in zip(table.itertuples(), found, strict=True):
            assert next(iter(result)) == row.prediction
            assert [result[name] for name in names] == pytest.approx(list(row.probabilities), abs=1e-6)


# ---------------------------------------------------------------- files and streams


def test_a_file_of_lines_in_their_order(answers, desk, finished):
    texts = [text for text, _ in desk.rows(150)]  # more than two batches, of mixed lengths
    file = desk.write("texts.txt", "\n".join(texts) + "\n")
    records = answers(str(file))
    for record, shares in zip(records, predict(str(finished.folder), texts), strict=True):
        assert record["probabilities"] == pytest.approx(shares, abs=1e-6)
    with standard_input(file):
        assert answers() == records
    with standard_input(file):
        assert answers("-") == records


def test_windows_line_ends_and_a_byte_order_mark(answers, desk):
    plain = answers(str(desk.write("plain.txt", "goal team\nbread")))
    assert answers(str(desk.write("other.txt", b"\xef\xbb\xbfgoal team\r\nbread\r\n"))) == plain


@pytest.mark.parametrize("name", ["texts.jsonl", "texts.json", "texts", "texts.JSONL"])
def test_json_lines_carry_their_other_keys_over(answers, desk, name):
    rows = [{"id": 7, "text": "goal team", "label": "sport", "tags": ["ü", None]}, {"text": "bread\nsoup"}]
    records = answers(str(desk.write(name, "\n".join(json.dumps(row) for row in rows))))
    assert {key: records[0][key] for key in ("id", "given_label", "tags")} == {
        "id": 7,
        "given_label": "sport",
        "tags": ["ü", None],
    }
    assert records[1].keys() == {"label", "probabilities"}
    assert "text" not in records[0]


def test_a_text_file_may_begin_with_a_brace(answers, desk):
    assert len(answers(str(desk.write("texts.txt", "{goal}\n{bread")))) == 2


def test_half_a_character_in_what_is_carried_over_stays_an_escape(answers, desk):
    (record,) = answers(str(desk.write("texts.jsonl", '{"text": "goal", "id": "\\udc80"}')))
    assert record["id"] == "\udc80"


def test_chunks_change_nothing(answers, desk, monkeypatch):
    texts = [text for text, _ in desk.rows(40)]
    file = desk.write("texts.txt", "\n".join(texts))
    whole = answers(str(file))
    monkeypatch.setattr(textlstm.use.lines, "BLOCK", 16)
    monkeypatch.setattr(textlstm.use.lines, "CHUNK", 7)
    for one, other in zip(whole, answers(str(file)), strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


def test_chunks_of_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(textlstm.use.lines, "BLOCK", 10)
    monkeypatch.setattr(textlstm.use.lines, "CHUNK", 3)
    lines = [f"line {number}".encode() for number in range(20)]
    for end in (b"", b"\n"):
        file = tmp_path / "lines"
        file.write_bytes(b"\n".join(lines) + end)
        with file.open("rb", buffering=0) as stream:
            chunks = list(read_chunks(stream.fileno()))
        assert [line for chunk in chunks for line in chunk] == lines
        assert all(len(chunk) <= 5 for chunk in chunks)


def test_a_line_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(textlstm.use.lines, "LONGEST", 1 << 20)
    (tmp_path / "zeros").write_bytes(b"a\n" + bytes(2 << 20))
    with (tmp_path / "zeros").open("rb") as stream, pytest.raises(UserError, match="Line 2 is longer than 1 MiB"):
        list(read_chunks(stream.fileno()))


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_text(desk, finished, text):
    desk.assert_refused(desk.run("predict", str(finished.folder), text), ["empty"])


def test_a_text_that_is_not_utf8(desk, finished):
    desk.assert_refused(desk.run("predict", str(finished.folder), "caf\udce9"), ["UTF-8"])


@pytest.mark.parametrize("checkpoint", ["nix", "nix/model.onnx", ""])
def test_a_checkpoint_that_is_not_there(desk, checkpoint):
    desk.assert_refused(desk.run("predict", checkpoint, "a text"), [checkpoint, "not a folder"])


def test_no_arguments(desk):
    outcome = desk.run("predict")
    assert outcome.code == 2
    assert "usage" in outcome.err.lower()
    assert "Traceback" not in outcome.err


def test_an_empty_input(desk, finished):
    file = desk.write("empty.txt", "")
    desk.assert_refused(desk.run("predict", str(finished.folder), str(file)), ["empty.txt holds no text"])
    with standard_input(file):
        desk.assert_refused(desk.run("predict", str(finished.folder)), ["Standard input holds no text"])


@pytest.mark.parametrize(
    ("name", "third", "says"),
    [
        ("texts.txt", b"", "Line 3 is empty"),
        ("texts.txt", b" \t\r", "Line 3 is empty"),
        ("texts.txt", b"caf\xe9", "Line 3 is not UTF-8: byte 0xe9"),
        ("texts.jsonl", b"", "Line 3 is empty"),
        ("texts.jsonl", b"{", "Line 3 is no JSON"),
        ("texts.jsonl", b"[" * 100_000, "Line 3 is no JSON"),
        ("texts.jsonl", b'{"text": "a", "x": NaN}', "Line 3 is no JSON: NaN"),
        ("texts.jsonl", b'"goal"', 'Line 3 has no "text"'),
        ("texts.jsonl", b'{"texts": "goal"}', 'Line 3 has no "text"'),
        ("texts.jsonl", b'{"text": 5}', 'Line 3 has no "text"'),
        ("texts.jsonl", b'{"text": " "}', "Line 3 has an empty text"),
        ("texts.jsonl", b'{"text": "\\udc80"}', "Line 3 has half a character"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_after_the_answers_before_it(desk, finished, name, third, says):
    good = b'{"text": "goal team"}' if name.endswith("l") else b"goal team"
    outcome = desk.run("predict", str(finished.folder), str(desk.write(name, b"\n".join([good, good, third, good]))))
    assert len(parsed(outcome.out)) == 2
    outcome.out = ""
    desk.assert_refused(outcome, [says])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nix.jsonl"], "nix.jsonl is not a file"),
        (["nix.txt"], "nix.txt is not a file"),
        (["rows.csv"], "rows.csv is a table"),
        (["a.txt", "b.txt"], "a.txt is a file among 2 arguments"),
    ],
)
def test_arguments_that_mean_a_file_but_are_none(desk, finished, words, says):
    desk.write("a.txt", "goal")
    desk.assert_refused(desk.run("predict", str(finished.folder), *words), [says])


# ---------------------------------------------------------------- the end of it


def test_ctrl_c_ends_quietly(desk, finished, monkeypatch):
    def interrupted(_: int) -> Iterator[list[bytes]]:
        yield [b"goal"]
        raise KeyboardInterrupt

    monkeypatch.setattr(textlstm.predict, "read_chunks", interrupted)
    outcome = desk.run("predict", str(finished.folder))
    assert (outcome.code, outcome.err) == (130, "")
    assert len(parsed(outcome.out)) == 1


def test_a_real_process_answers_at_once_and_goes_on_without_growing(desk, finished):
    """A pipe that stays open, an input that never ends, and a reader who leaves."""
    command = [sys.executable, "-m", "textlstm.predict", str(finished.folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes)  # type: ignore[call-overload]
    desk.processes.append(process)
    process.stdin.write(b"goal team\n")
    process.stdin.flush()
    (first,) = parsed(process.stdout.readline().decode())
    texts = [text.encode() + b"\n" for text, _ in desk.rows(50)]
    threading.Thread(target=feed, args=(process.stdin, texts), daemon=True).start()
    sizes = []
    for wanted in (15_000, 15_000):
        for _ in range(wanted):
            last = process.stdout.readline()
        sizes.append(resident(process.pid))
    assert parsed(last.decode())
    assert first["label"] in LABELS
    assert sizes[1] < sizes[0] + 30_000_000
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    assert process.stderr.read() == b""


def feed(stream: Any, texts: list[bytes]) -> None:
    """Write for ever."""
    try:
        while True:
            stream.writelines(texts)
    except OSError:
        pass


def resident(process: int) -> int:
    """Bytes of memory of a process."""
    status = Path(f"/proc/{process}/statm")
    if not status.exists():
        pytest.skip("no /proc here")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_it_imports_is_little(desk):
    """The start is most of the time that one text takes."""
    code = "import sys, textlstm.predict; print(*sorted({'sklearn', 'datasets', 'pandas', 'matplotlib', 'hydra'} & set(sys.modules)))"
    outcome = desk.python("-c", code)
    assert (outcome.code, outcome.out.strip(), outcome.err) == (0, "", "")


def test_a_classifier_of_torch_is_that_of_an_export(finished):
    classify = load_classifier(str(finished.folder))
    with pytest.raises(ValueError, match="Text 2 is empty"):
        classify(["goal", " "])
    assert classify([]) == []
