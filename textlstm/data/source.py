"""What every source of data has in common: which columns, how it is split, how repeats are treated."""

from abc import abstractmethod
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from textlstm.data.cells import is_list, plain, read_lists, split_labels
from textlstm.errors import UserError
from textlstm.section import Section

SPLITS = ("train", "validation", "test")

CURES = dict.fromkeys(
    ("text_column", "label_column"), "Set dataset.text_column and dataset.label_column to two of them."
) | {name: f"Set dataset.{name} to one of them, or leave it out." for name in ("group_column", "text_pair_column")}
"""What to do about a column that is not there, by the setting that named it."""

Frames = dict[str, pd.DataFrame]
"""Split name -> frame with the columns `text` and `label`, a name or a sorted tuple of names; and `group` and `text_pair`
where `dataset.group_column` and `dataset.text_pair_column` are set."""


class DatasetSource(Section):
    """Where texts and labels come from, and how they are divided into three splits."""

    name: str = Field(
        pattern=r"^\w[\w.-]*$",
        description="name of the data set, in letters, digits, _ . and -; names the folder of its runs",
    )
    text_column: str = Field("text", min_length=1, description="column that holds the text")
    text_pair_column: str | None = Field(
        None,
        min_length=1,
        description="column with a second text, read behind the first with a separator between them, such as a premise and a hypothesis; null for single texts",
    )
    label_column: str = Field(
        "label", min_length=1, description="column that holds the class; where it holds lists a text has several labels"
    )
    label_separator: str | None = Field(
        None,
        min_length=1,
        description='what stands between several labels written as one text, such as ";"; null: a text is one label',
    )
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
        """Give `frame` the columns `text` and `label` (`text_pair`, `group`); say which are there if one is missing.

        All are strings but sets of labels, which are sorted tuples of strings.
        """
        self._check_columns()
        for setting, column in self._columns().items():
            if list(frame.columns).count(column) > 1:
                raise UserError(f"{where} has two columns named '{column}'.\nRename one of them.")
            if column not in frame.columns:
                raise UserError(
                    f"{where} has no column '{column}'.\nIt has: {', '.join(map(str, frame.columns))}.\n"
                    + CURES[setting]
                )
        columns = {"text": texts_of(frame, self.text_column, where), "label": self._labels(frame, where)}
        if self.text_pair_column:
            columns["text_pair"] = texts_of(frame, self.text_pair_column, where)
        if self.group_column:
            columns["group"] = [group.strip() for group in texts_of(frame, self.group_column, where)]
        return pd.DataFrame(columns)

    def _check_columns(self) -> None:
        """Raise `UserError` where two settings name one column."""
        if self.text_column == self.label_column:
            raise UserError(
                f"dataset.text_column and dataset.label_column are both '{self.text_column}'.\n"
                "The text and its class must be two columns."
            )
        if self.text_pair_column in (self.text_column, self.label_column):
            setting = "text_column" if self.text_pair_column == self.text_column else "label_column"
            raise UserError(
                f"dataset.text_pair_column and dataset.{setting} are both '{self.text_pair_column}'.\n"
                "The second text of a pair has a column of its own.\n"
                "Name it, or leave dataset.text_pair_column out."
            )
        if self.group_column in (self.text_column, self.label_column):
            setting = "text_column" if self.group_column == self.text_column else "label_column"
            raise UserError(
                f"dataset.group_column and dataset.{setting} are both '{self.group_column}'.\n"
                "Groups are what texts have in common beside text and class, such as a document.\n"
                "Name another column, or leave dataset.group_column out."
            )

    def _labels(self, frame: pd.DataFrame, where: str) -> list[Any]:
        """A class a row; or a sorted tuple of classes, where cells are lists or a separator is given."""
        # As objects: categories and nullable types have rules of their own for what may be put into them.
        labels = frame[self.label_column].astype(object)
        if self.label_separator is not None:
            return split_labels(labels, self.label_separator, where, self.label_column)
        if labels.map(is_list).any():
            return read_lists(labels, where, self.label_column)
        unlabelled = labels.isna() | (labels.astype(str).str.strip() == "")
        if unlabelled.any():
            first = int(unlabelled.to_numpy().argmax()) + 1
            raise UserError(
                f"{where}: {int(unlabelled.sum())} row(s) have no label in '{self.label_column}'; the first is row {first}.\n"
                "Every row needs a class. Label these rows or remove them."
            )
        return [label.strip() for label in texts_of(frame, self.label_column, where)]

    def refuse_columns(self, reason: str) -> None:
        """Raise `UserError` if groups, pairs or several labels are asked of a source that has no columns."""
        for name, what in (
            ("group_column", "Groups need"),
            ("text_pair_column", "Pairs need"),
            ("label_separator", "Several labels need"),
        ):
            if value := getattr(self, name):
                raise UserError(
                    f"dataset.{name}={value} cannot act: {reason}.\n"
                    f"{what} a table: dataset=files dataset.train=FILE. Or leave dataset.{name} out."
                )

    def _columns(self) -> dict[str, str]:
        """The columns that are read, by the name of their setting."""
        names = ("text_column", "label_column", "text_pair_column", "group_column")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def texts_of(frame: pd.DataFrame, column: str, where: str) -> list[str]:
    """A column's cells as texts."""
    cells = frame[column].astype(object)
    return [plain(cell, f"{where}, row {row}, '{column}'") for row, cell in enumerate(cells, start=1)]
