"""A file that a setting names: opened plain or packed, with errors that name the setting."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from textlstm.errors import UserError

MAGIC = {b"\x1f\x8b": ".gz", b"PK\x03\x04": ".zip", b"PK\x05\x06": ".zip"}
"""The first bytes of packed files, which may be named otherwise."""


@dataclass(frozen=True)
class GivenFile:
    """A file and the setting that names it, such as `embedding.path`."""

    path: Path
    setting: str

    def __str__(self) -> str:
        return f"{self.setting}={self.path}"

    @property
    def packing(self) -> str:
        """`.gz`, `.zip` or nothing, by the name or by the first bytes."""
        if self.path.suffix in (".gz", ".zip"):
            return self.path.suffix
        with self.reading(), self.path.open("rb") as file:
            head = file.read(4)
        return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Errors of reading, as `UserError`."""
        try:
            yield
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise UserError(f"{self} cannot be read: {error}.\nIs the file of vectors complete?") from error

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Its bytes, unpacked. An archive of several files is refused: nothing says which of them is meant."""
        with self.reading():
            if self.packing == ".gz":
                with gzip.open(self.path) as file:
                    yield cast(IO[bytes], file)
            elif self.packing == ".zip":
                with zipfile.ZipFile(self.path) as archive, archive.open(self._member(archive)) as member:
                    yield member
            else:
                with self.path.open("rb") as plain:
                    yield plain

    def _member(self, archive: zipfile.ZipFile) -> str:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if not names:
            raise zipfile.BadZipFile("the archive is empty")
        if len(names) > 1:
            shown = ", ".join(names[:4]) + ", ..." * (len(names) > 4)
            raise UserError(f"{self} holds several files: {shown}.\nUnpack the one that you want, and name it.")
        return names[0]


def given_file(path: str | None, setting: str, source: str) -> GivenFile:
    """The file at `path`; raise `UserError` where none is named or none stands there."""
    if not path:
        raise UserError(
            f"embedding={source} needs a file of vectors.\nGive it: {setting}=FILE (see docs/embeddings.md)."
        )
    if not Path(path).is_file():
        raise UserError(f"{setting}={path} is not a file.\nThe current folder is {Path.cwd()}.")
    return GivenFile(Path(path), setting)
