"""Data sets of the Hugging Face hub, by name."""

import os

import pandas as pd
from pydantic import Field

from textlstm.data.source import SPLITS, DatasetSource, Frames
from textlstm.errors import UserError
from textlstm.hub import hub_is_reachable


class HubSource(DatasetSource):
    """A hub data set: its own train, validation and test splits; a share of train where one is missing."""

    path: str | None = Field(None, description="name on the hub, such as stanfordnlp/imdb")
    config_name: str | None = Field(None, description="configuration of the data set, where it has several")
    validation_split: str | None = Field(
        None,
        description="the hub's name of the validation split, if unusual; where it is named and is the test split, test is taken off train",
    )
    test_split: str | None = Field(
        None,
        description="the hub's name of the test split, if unusual; where it is named and is the validation split, validation is taken off train",
    )

    def read(self) -> Frames:
        """Download (or take from the cache) and convert; class names come from the data set's features."""
        if not self.path:
            raise UserError(
                "dataset=hub needs a name.\nGive it: dataset.path=stanfordnlp/imdb, or another data set of the hub."
            )
        dataset = self._load()
        names = {
            "train": "train",
            "validation": self.validation_split or "validation",
            "test": self.test_split or "test",
        }
        if "train" not in dataset:
            raise UserError(f"{self.path} has no split named 'train'.\nIt has: {', '.join(dataset)}.")
        for name in (self.validation_split, self.test_split):
            if name not in (None, "none", *dataset):
                raise UserError(
                    f"{self.path} has no split named '{name}'.\nIt has: {', '.join(dataset)}; none takes a share of train."
                )
        if names["validation"] == names["test"] and names["test"] in dataset:
            if self.validation_split and self.test_split:
                raise UserError(
                    f"dataset.validation_split and dataset.test_split are both '{names['test']}'.\n"
                    "What chooses the weights cannot judge them: one of them none takes a share of train."
                )
            # One was named: the other is taken off train.
            names["test" if self.validation_split else "validation"] = "none"
        return {split: self._frame(dataset[names[split]], names[split]) for split in SPLITS if names[split] in dataset}

    def _load(self):  # type: ignore[no-untyped-def]
        import datasets  # imported late: it takes a second and only hub data needs its loaders here

        # Without a network the library tries for 20 s and more; one short look settles it.
        if not hub_is_reachable():
            datasets.config.HF_HUB_OFFLINE = True
            os.environ["HF_HUB_OFFLINE"] = "1"
        datasets.disable_progress_bars()
        try:
            return datasets.load_dataset(self.path, self.config_name)
        except Exception as error:  # the library raises a dozen unrelated types here
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"dataset.path={self.path} could not be loaded from the hub: {reason}\n"
                "It needs a network at first use (then it is cached). Check the name, or use local files:\n"
                "dataset=files dataset.train=FILE"
            ) from error

    def _frame(self, split, split_name: str) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        frame = self.select_columns(split.to_pandas(), f"{self.path} ({split_name})")
        feature = split.features[self.label_column]
        several = getattr(getattr(feature, "feature", None), "names", None)
        if several:
            frame["label"] = [tuple(sorted(several[int(number)] for number in row)) for row in frame["label"]]
        if hasattr(feature, "names"):
            if (frame["label"] == "-1").any():
                raise UserError(
                    f"{self.path} ({split_name}) hides its labels (-1).\n"
                    "Leave that split out: dataset.test_split=none takes a share of train instead."
                )
            frame["label"] = frame["label"].map(lambda number: feature.names[int(number)])
        return frame
