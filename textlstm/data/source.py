"""What every source of data has in common: which columns, how it is split, how repeats are treated."""

from abc import abstractmethod
from collections.abc import Sized
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from textlstm.data.text_files import is_utf8
from textlstm.errors import UserError
from textlstm.section import Section

SPLITS = ("train", "validation", "test")

CURES = dict.fromkeys(
    ("text_column", "label_column"), "Set dataset.text_column and dataset.label_column to two of them."
) | {"group_column": "Set dataset.group_column to one of them, or leave it out."}
"""What to do about a column that is not there, by the setting that named it."""

Frames = dict[str, pd.DataFrame]
"""Split name -> frame with the columns `text` and `label`, and `group` where `dataset.group_column` is set."""


class DatasetSource(Section):
    """Where texts and labels come from, and how they are divided into three splits."""

    name: str = Field(
        pattern=r"^\w[\w.-]*$",
        description="name of the data set, in letters, digits, _ . and -; names the folder of its runs",
    )
    text_column: str = Field("text", min_length=1, description="column that holds the text")
    label_column: str = Field("label", min_length=1, description="column that holds the class")
    group_column: str | None = Field(
        None,
        min_length=1,
        description="column that names what a row belongs to, such as its document: a split that is made keeps its rows on one side; null splits row by row",
    )
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="share of all training rows set aside for validation, if none is given"
    )
    test_share: float = Field(
        0.2, gt=0, lt=1, description="share of all training rows set aside as test, if none is given"
    )
    train_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training texts of each class (of whole groups, with group_column) that is used, once validation and test are set aside; for curves of score against data",
    )
    split_seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of the split; `seed` never changes it")
    deduplicate: Literal["exact", "near", "none"] = Field(
        "exact",
        description="copies of texts that leave train, never a given validation or test file: `exact`, or `near` ones too, that share 80% of their runs of three words; before a split is made; `none` keeps them",
    )

    @abstractmethod
    def read(self) -> Frames:
        """Read the splits that exist; raise `UserError` for what cannot be read."""

    def select_columns(self, frame: pd.DataFrame, where: str) -> pd.DataFrame:
        """Give `frame` the columns `text` and `label` (and `group`), all strings; say which are there if one is missing."""
        for setting, column in self._columns().items():
            if list(frame.columns).count(column) > 1:
                raise UserError(f"{where} has two columns named '{column}'.\nRename one of them.")
            if column not in frame.columns:
                raise UserError(
                    f"{where} has no column '{column}'.\nIt has: {', '.join(map(str, frame.columns))}.\n"
                    + CURES[setting]
                )
        # As objects: categories and nullable types have rules of their own for what may be put into them.
        texts, labels = frame[self.text_column].astype(object), frame[self.label_column].astype(object)
        if self.text_column == self.label_column:
            raise UserError(
                f"dataset.text_column and dataset.label_column are both '{self.text_column}'.\n"
                "The text and its class must be two columns."
            )
        if self.group_column in (self.text_column, self.label_column):
            setting = "text_column" if self.group_column == self.text_column else "label_column"
            raise UserError(
                f"dataset.group_column and dataset.{setting} are both '{self.group_column}'.\n"
                "Groups are what texts have in common beside text and class, such as a document.\n"
                "Name another column, or leave dataset.group_column out."
            )
        unlabelled = labels.isna() | (labels.astype(str).str.strip() == "")
        if unlabelled.any():
            first = int(unlabelled.to_numpy().argmax()) + 1
            raise UserError(
                f"{where}: {int(unlabelled.sum())} row(s) have no label in '{self.label_column}'; the first is row {first}.\n"
                "Every row needs a class. Label these rows or remove them."
            )
        written = [_plain(text, f"{where}, row {row}, '{self.text_column}'") for row, text in enumerate(texts, start=1)]
        named = [
            _plain(label, f"{where}, row {row}, '{self.label_column}'") for row, label in enumerate(labels, start=1)
        ]
        columns = {"text": written, "label": [label.strip() for label in named]}
        if self.group_column:
            groups = enumerate(frame[self.group_column].astype(object), start=1)
            columns["group"] = [
                _plain(group, f"{where}, row {row}, '{self.group_column}'").strip() for row, group in groups
            ]
        return pd.DataFrame(columns)

    def refuse_groups(self, reason: str) -> None:
        """Raise `UserError` if groups are asked of a source that has no columns."""
        if self.group_column:
            raise UserError(
                f"dataset.group_column={self.group_column} cannot act: {reason}.\n"
                "Groups need a table: dataset=files dataset.train=FILE. Or leave dataset.group_column out."
            )

    def _columns(self) -> dict[str, str]:
        """The columns that are read, by the name of their setting."""
        columns = {"text_column": self.text_column, "label_column": self.label_column}
        return columns | ({"group_column": self.group_column} if self.group_column else {})


def _plain(value: Any, where: str) -> str:
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
