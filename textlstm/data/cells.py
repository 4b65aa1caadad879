"""Cells of a table: one as a text, and one as a set of labels."""

from collections.abc import Iterable, Sized
from typing import Any

import numpy as np
import pandas as pd

from textlstm.data.text_files import is_utf8
from textlstm.errors import UserError


def plain(value: Any, where: str) -> str:
    """A cell as text; raise `UserError` for what is none, such as a list, or no UTF-8."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, Sized) and not isinstance(value, str):
        raise UserError(
            f"{where} is of the type {type(value).__name__}, not a text: {str(value)[:60]}.\nGive one text a row."
        )
    if pd.isna(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas reads a column of integers with gaps as floats
    text = str(value)
    if not is_utf8(text):
        raise UserError(f"{where} is not UTF-8: it holds half of a character or a wrong byte.\nRepair or remove it.")
    return text


def is_list(value: Any) -> bool:
    """Whether a cell holds a list, as JSON and parquet files have them."""
    return isinstance(value, list | tuple | np.ndarray)


def split_labels(cells: Iterable[Any], separator: str, where: str, column: str) -> list[tuple[str, ...]]:
    """The set of labels of each cell, texts such as "sport;tech"; an empty one has none. Sorted, each once."""
    found = []
    for row, cell in enumerate(cells, start=1):
        if is_list(cell):
            raise UserError(
                f"dataset.label_separator={separator} cannot act: {where}, row {row}, '{column}' is a list already.\nLeave it out."
            )
        parts = plain(cell, f"{where}, row {row}, '{column}'").split(separator)
        found.append(tuple(sorted({part.strip() for part in parts} - {""})))
    return found


def read_lists(cells: Iterable[Any], where: str, column: str) -> list[tuple[str, ...]]:
    """The set of labels of each cell, lists of texts or all of whole numbers; an empty list has none. Sorted, each once.

    Raises `UserError` for a cell that is no list, and for one that holds something else.
    """
    found: list[tuple[str, ...]] = []
    kinds: set[str] = set()
    for row, cell in enumerate(cells, start=1):
        place = f"{where}, row {row}, '{column}'"
        if not is_list(cell):
            raise UserError(
                f"{place} is no list, as other rows have it: {str(cell)[:60]}.\nGive a list of labels in every row; an empty one, [], where a text has none."
            )
        for item in cell:
            kinds.add(_kind(item, place))
            if len(kinds) > 1:
                raise UserError(
                    f"{place} mixes numbers and texts as labels, or other rows do: {str(list(cell))[:60]}.\nWrite all labels as texts."
                )
        found.append(tuple(sorted({plain(item, place).strip() for item in cell})))
    return found


def _kind(item: Any, place: str) -> str:
    if isinstance(item, str) and item.strip():
        return "text"
    if isinstance(item, int | np.integer) and not isinstance(item, bool | np.bool_):
        return "number"
    raise UserError(
        f"{place} holds a label that is neither a text nor a whole number: {str(item)[:60] or 'an empty text'}.\nA list of labels is such as ['sport', 'tech']."
    )
