"""The cache of files of vectors: read once, mapped afterwards, made anew where it or the file changed."""

import gzip
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.vector_files import LINES, PARSED, write_vectors
from textlstm.cache import cache_folder
from textlstm.embeddings import cache
from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.text_format import read_text
from textlstm.errors import UserError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "vectors"


@pytest.fixture
def reads(monkeypatch) -> list[Path]:
    """The files that were really read."""
    found: list[Path] = []

    def watched(given):
        found.append(given.path)
        yield from read_text(given)

    monkeypatch.setattr("textlstm.embeddings.glove.read_text", watched)
    return found


def opened(path: str):
    return GloveEmbedding(name="glove", path=path).open()


def places(folder: Path) -> list[Path]:
    return [place for place in folder.iterdir() if place.is_dir()]


def assert_whole(found) -> None:
    assert found.words == [word for word, _ in PARSED]
    np.testing.assert_array_equal(found.matrix, np.array([vector for _, vector in PARSED], np.float32))


def test_a_file_is_read_once_and_said_so_in_one_line(tmp_path, reads, capsys):
    path = write_vectors(tmp_path, "gz")
    source = GloveEmbedding(name="glove", path=path)
    source.words()
    out = capsys.readouterr().out
    assert out.startswith(f"vectors   reading {path} once (")
    assert out.count("\n") == 1
    assert_whole(opened(path))
    assert reads == [Path(path)]
    assert capsys.readouterr().out == ""
    assert isinstance(opened(path).matrix, np.memmap)


@pytest.mark.parametrize("what", ["size", "time", "first bytes", "last bytes"])
def test_a_file_that_changed_is_read_again_and_the_old_form_goes(tmp_path, reads, folder, what):
    path = Path(write_vectors(tmp_path, "txt", LINES))
    opened(str(path))
    old, before = places(folder), path.stat()
    text = path.read_bytes()
    changed = {
        "size": text + b"more 1 2 3\n",
        "time": text,
        "first bytes": text.replace(b"the 0.1", b"thy 0.1"),
        "last bytes": text.replace(b"film 7", b"film 8"),
    }
    path.write_bytes(changed[what])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (what == "time")))
    found = opened(str(path))
    assert len(reads) == 2
    assert len(places(folder)) == 1
    assert places(folder) != old
    if what == "last bytes":
        assert found.matrix[-1].tolist() == [8, 8, 9]


def test_two_files_are_kept_apart(tmp_path, folder):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        opened(write_vectors(tmp_path / name, "txt"))
    assert len(places(folder)) == 2


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def other_letters(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"film", b"folm"))


DAMAGE = {
    "numbers cut": ("vectors.f32", cut),
    "words cut": ("words.txt", cut),
    "words changed": ("words.txt", other_letters),
    "words not UTF-8": ("words.txt", lambda file: file.write_bytes(b"\xff" * file.stat().st_size)),
    "figures cut": ("about.json", cut),
    "figures empty": ("about.json", lambda file: file.write_text("{}")),
    "figures of another kind": ("about.json", lambda file: file.write_text("[1]")),
    "no figures": ("about.json", Path.unlink),
    "no numbers": ("vectors.f32", Path.unlink),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_what_is_damaged_is_made_anew(tmp_path, reads, folder, case):
    path = write_vectors(tmp_path, "txt")
    opened(path)
    (place,) = places(folder)
    name, damage = DAMAGE[case]
    damage(place / name)
    assert_whole(opened(path))
    assert len(reads) == 2
    assert_whole(opened(path))
    assert len(reads) == 2


def test_figures_that_do_not_fit_are_not_believed(tmp_path, reads, folder):
    path = write_vectors(tmp_path, "txt")
    opened(path)
    about = places(folder)[0] / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"size": 4}))
    assert_whole(opened(path))
    assert len(reads) == 2


def test_a_file_that_is_refused_leaves_nothing(tmp_path, folder):
    path = write_vectors(tmp_path, "txt", [*LINES, "cut 1 2"])
    for _ in range(2):
        with pytest.raises(UserError, match="row 7"):
            opened(path)
    assert not places(folder)


def test_what_a_killed_process_left_is_no_hindrance(tmp_path, folder):
    path = write_vectors(tmp_path, "txt")
    opened(path)
    (place,) = places(folder)
    place.rename(place.with_name(f".{place.name}.part"))
    assert_whole(opened(path))
    assert [found.name for found in places(folder)] == [place.name]


def test_a_mapped_file_outlives_its_place(tmp_path, folder):
    found = opened(write_vectors(tmp_path, "txt"))
    shutil.rmtree(folder)
    assert_whole(found)


def test_a_cache_that_cannot_be_written_names_the_cure(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "file")
    with pytest.raises(UserError, match="TEXTLSTM_CACHE=FOLDER") as error:
        opened(write_vectors(tmp_path, "txt"))
    assert len(str(error.value).splitlines()) == 2


def test_the_folder_is_the_users_cache_or_the_one_that_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TEXTLSTM_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("TEXTLSTM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "textlstm"


def test_blocks_of_any_length_give_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 5)).astype(np.float32)
    lines = [f"w{i % 490} " + " ".join(map(repr, row.tolist())) for i, row in enumerate(vectors)]
    path = write_vectors(tmp_path, "txt", lines)
    for block in (1, 700, 10**6):
        monkeypatch.setattr("textlstm.embeddings.text_format.BLOCK", block)
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        found = opened(path)
        assert found.words == [f"w{i}" for i in range(490)]
        np.testing.assert_array_equal(found.matrix, vectors[:490])


def test_numbers_of_a_real_file_are_those_of_python(shared_data, tmp_path):
    with gzip.open(shared_data("glove.6B.100d.top150k.txt.gz"), "rt", encoding="utf-8") as file:
        lines = [next(file).rstrip("\n") for _ in range(2000)]
    found = opened(write_vectors(tmp_path, "txt", lines))
    assert found.words == [line.split(" ")[0] for line in lines]
    expected = np.array([[float(number) for number in line.split(" ")[1:]] for line in lines], np.float32)
    np.testing.assert_array_equal(found.matrix, expected)


def read_beside(path: str, start, answers) -> None:
    start.wait(30)
    found = opened(path)
    answers.put((len(found.words), found.matrix.shape, float(found.matrix.sum())))


def test_two_processes_that_need_a_file_at_once_read_it_once(tmp_path, folder, capfd):
    path = write_vectors(tmp_path, "txt", [f"w{i} " + " ".join(["0.5"] * 50) for i in range(20_000)])
    # Forked, since a process of its own would import for ten seconds.
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Barrier(2), fork.Queue()
    processes = [fork.Process(target=read_beside, args=(path, start, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert found == [(20_000, (20_000, 50), 500_000.0)] * 2
    assert capfd.readouterr().out.count("reading") == 1
    assert len(places(folder)) == 1
