"""Tables on disk: csv, tsv, json lines and parquet, one file a split."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pydantic import Field

from textlstm.data.source import SPLITS, DatasetSource, Frames
from textlstm.data.text_files import read_text
from textlstm.errors import UserError


class FilesSource(DatasetSource):
    """One file for train; validation and test are taken from it where they have no file of their own."""

    train: str | None = Field(None, description="file with the training texts (.csv .tsv .json .jsonl .parquet)")
    validation: str | None = Field(None, description="file with the validation texts; else a share of train")
    test: str | None = Field(None, description="file with the test texts; else a share of train")

    def read(self) -> Frames:
        """The files that were named, as frames."""
        paths = {split: getattr(self, split) for split in SPLITS if getattr(self, split)}
        if not paths:
            raise UserError(
                "dataset=files needs at least one file.\n"
                "Give it: dataset.train=FILE (csv, tsv, json lines or parquet), to score a checkpoint dataset.test=FILE."
            )
        # Look for all files before reading the first: a late typo should not cost a long read.
        known: dict[Path, str] = {}
        for split, path in paths.items():
            if not Path(path).is_file():
                raise UserError(f"dataset.{split}={path} is not a file.\nThe current folder is {Path.cwd()}.")
            other = known.setdefault(Path(path).resolve(), split)
            if other != split:
                raise UserError(
                    f"dataset.{other} and dataset.{split} are the same file, {path}.\n"
                    f"Leave dataset.{split} out (a share of train is taken), or name another file."
                )
        return {split: self.select_columns(read_table(Path(path)), path) for split, path in paths.items()}


def read_table(path: Path) -> pd.DataFrame:
    """Read one table; the ending names the format. Empty cells stay empty strings.

    Raises `UserError` for an unknown ending, an empty file, bytes that are not UTF-8 and broken rows.
    """
    if path.suffix.lower() not in READERS:
        raise UserError(f"{path}: the ending '{path.suffix}' is not known.\nAllowed: {' '.join(READERS)}.")
    try:
        frame = READERS[path.suffix.lower()](path)
    except UserError:
        raise
    except (ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(f"{path} cannot be read as {path.suffix[1:]}: {reason}.\nCheck its format.") from error
    if frame.empty:
        raise UserError(f"{path} holds no rows.\nIt needs a line of column names and at least one row.")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    return _parse_rows(read_text(path), csv.excel)


def _read_tsv(path: Path) -> pd.DataFrame:
    # Most tab-separated files quote nothing: there a quotation mark is just part of a text.
    text = read_text(path)
    try:
        quoted = _parse_rows(text, csv.excel_tab)
    except ValueError:
        return _parse_rows(text, UnquotedTabs)
    try:
        plain = _parse_rows(text, UnquotedTabs)
    except ValueError:
        return quoted  # a text over several lines, or with a tab
    # A mark that begins one text and one that ends a later text would make all between them a single text.
    return plain if len(plain) > len(quoted) else quoted


class UnquotedTabs(csv.excel_tab):
    """Tab-separated values in which a quotation mark has no meaning."""

    quoting = csv.QUOTE_NONE


def _parse_rows(text: str, dialect: type[csv.Dialect]) -> pd.DataFrame:
    # The csv module, not pandas: pandas shifts columns in silence where rows have a field more than
    # the header, and turns texts such as "NA" into missing values.
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), dialect=dialect, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    if not rows:
        return pd.DataFrame()
    header = [name.strip() for name in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise ValueError(f"the row that ends in line {line} has {len(row)} fields, the header has {len(header)}")
    return pd.DataFrame([row for _, row in rows[1:]], columns=header)


def _read_json_lines(path: Path) -> pd.DataFrame:
    text = read_text(path)
    if text.lstrip().startswith("["):
        rows = json.loads(text)
    else:
        rows = []
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except ValueError as error:
                    raise ValueError(f"line {number} is not JSON ({error})") from error
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError('every line must be an object such as {"text": "...", "label": "..."}')
    return pd.DataFrame(rows, dtype=object)


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".json": _read_json_lines,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": pd.read_parquet,
}
"""File ending -> reader."""
