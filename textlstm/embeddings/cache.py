"""Files of vectors are read once: words and numbers are kept in a form that the next run maps into memory.

Below the cache folder a file has the folder `vectors/<hash of path and reader>-<hash of content>/` with `words.txt`
(a word a line, UTF-8), `vectors.f32` (W rows of E little-endian float32) and `about.json`. The content is taken
for the same while size, time of change and the first and last 64 KiB are. A folder is written aside and renamed;
one whose sizes or words disagree with its `about.json` is made anew, and an older one of the same path is removed.
"""

import hashlib
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from textlstm.cache import cache_folder
from textlstm.embeddings.given_file import GivenFile
from textlstm.embeddings.vectors import Blocks, WordVectors
from textlstm.errors import UserError

FORMAT = 1
"""Another number where what is written, or how files are read, changes."""

ENDS = 64 * 1024
"""Bytes at either end of a file that its identity looks at."""

NUMBER = np.dtype("<f4")


def cached_vectors(given: GivenFile, kind: str, read: Callable[[GivenFile], Blocks]) -> WordVectors:
    """The vectors of a file, from the cache; the first time `read` gives them, block by block.

    kind: names `read`, for what it makes of a file. A word that comes twice keeps its first vector. Raises
    `UserError` for a file that `read` refuses or that holds no word, and where the cache cannot be written.
    """
    place = _place(given, kind)
    kept = _load(place)
    if kept is None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # Processes that need the same file at the same time: one reads it, the others wait.
            with FileLock(place.parent / f".{place.name}.lock"):
                kept = _load(place) or _make(place, given, read)
        except OSError as error:
            raise UserError(
                f"The vectors of {given.path} cannot be kept in {place.parent}: {error.strerror or error}.\n"
                "Make room there, or name another folder: TEXTLSTM_CACHE=FOLDER."
            ) from error
    return kept


def _place(given: GivenFile, kind: str) -> Path:
    path = given.path.resolve()
    with given.reading(), path.open("rb") as file:
        about = path.stat()
        ends = [file.read(ENDS)]
        file.seek(max(0, about.st_size - ENDS))
        ends.append(file.read(ENDS))
    content = hashlib.sha256(f"{FORMAT} {about.st_size} {about.st_mtime_ns} ".encode() + b"".join(ends)).hexdigest()
    named = hashlib.sha256(f"{kind} {path}".encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / "vectors" / f"{named[:16]}-{content[:16]}"


def _load(place: Path) -> WordVectors | None:
    """What is kept there; None where there is nothing, or nothing whole."""
    try:
        about = json.loads((place / "about.json").read_text(encoding="utf-8"))
        rows, size = about["rows"], about["size"]
        text = (place / "words.txt").read_bytes()
        words = text.decode("utf-8").split("\n")[:-1]
        whole = zlib.crc32(text) == about["words_crc32"] and len(words) == rows
        if not whole or (place / "vectors.f32").stat().st_size != rows * size * NUMBER.itemsize:
            return None
        return WordVectors(words, np.memmap(place / "vectors.f32", NUMBER, "r", shape=(rows, size)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(place: Path, given: GivenFile, read: Callable[[GivenFile], Blocks]) -> WordVectors:
    megabytes = given.path.stat().st_size / 1e6
    print(f"vectors   reading {given.path} once ({megabytes:,.1f} MB); from now on from {place}", flush=True)
    aside = place.with_name(f".{place.name}.part")
    shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed: only the holder of the lock is here
    aside.mkdir()
    try:
        about = _write(aside, given, read)
        (aside / "about.json").write_text(json.dumps({"source": str(given.path.resolve()), **about}), encoding="utf-8")
        for old in place.parent.glob(f"{place.name.split('-')[0]}-*"):
            shutil.rmtree(old, ignore_errors=True)
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    kept = _load(place)
    assert kept is not None
    return kept


def _write(aside: Path, given: GivenFile, read: Callable[[GivenFile], Blocks]) -> dict[str, Any]:
    seen: set[str] = set()
    checksum, size = 0, 0
    with (aside / "words.txt").open("wb") as text, (aside / "vectors.f32").open("wb") as numbers:
        for words, vectors in read(given):
            fresh = [row for row, word in enumerate(words) if word not in seen and not seen.add(word)]  # type: ignore[func-returns-value]
            size = vectors.shape[1]
            line = "".join(words[row] + "\n" for row in fresh).encode("utf-8")
            checksum = zlib.crc32(line, checksum)
            text.write(line)
            kept = vectors if len(fresh) == len(words) else vectors[fresh]
            numbers.write(np.ascontiguousarray(kept, NUMBER).data)
    if not seen:
        raise UserError(f"{given} holds no vectors.\nIs the file complete?")
    unreadable = sum("\ufffd" in word for word in seen)
    if unreadable:
        print(f"vectors   {unreadable:,} words of the file are not UTF-8: no text will match them", flush=True)
    return {"rows": len(seen), "size": size, "words_crc32": checksum}
