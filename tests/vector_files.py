"""Files of vectors to read: as text of every kind, and as word2vec's and fastText's binaries."""

import gzip
import zipfile
from pathlib import Path

import pytest

LINES = ["the 0.1 -0.2 0.3", ". . 1 2 3", "new york 1e-1 2 3", "café 4 5 6", "film 7 8 9", "the 9 9 9"]
PARSED = [
    ("the", [0.1, -0.2, 0.3]),
    (". .", [1, 2, 3]),
    ("new york", [0.1, 2, 3]),
    ("café", [4, 5, 6]),
    ("film", [7, 8, 9]),
]


def write_vectors(folder: Path, kind: str, lines: list[str] = LINES) -> str:
    raw = "".join(line + "\n" for line in lines).encode()
    path = folder / f"vectors.{kind.removeprefix('header.')}"
    if kind.startswith("header."):
        raw = f"{len(lines)} {len(lines[0].split()) - 1}\n".encode() + raw
    if kind.endswith("gz"):
        path.write_bytes(gzip.compress(raw))
    elif kind.endswith("zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("vectors.txt", raw)
    else:
        path.write_bytes(raw)
    return str(path)


def gensim_file(name: str) -> str:
    """A real file that gensim carries for its own tests; the test is skipped where there is no gensim."""
    gensim = pytest.importorskip("gensim")
    path = Path(gensim.__file__).parent / "test" / "test_data" / name
    if not path.is_file():
        pytest.skip(f"this gensim carries no {name}")
    return str(path)
