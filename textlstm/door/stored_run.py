"""A stored run, opened to be scored again: its model, data, threads and digits."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from textlstm.data.source import DatasetSource
from textlstm.door.run_folder import REPORT, load_stored_config
from textlstm.door.settings import EvaluateSettings, stored_dataset, without_targets
from textlstm.errors import UserError
from textlstm.network import model_folder
from textlstm.training.machine import choose_precision, use_threads
from textlstm.use.checkpoint import find_export
from textlstm.use.scoring import Scorer, open_onnx, open_torch


@dataclass(frozen=True)
class StoredRun:
    """What an evaluation needs of the run that it scores; export: the .onnx file that is scored instead of the weights."""

    folder: Path
    model_folder: Path
    export: Path | None
    dataset: DatasetSource
    split: str
    own_data: bool
    config: dict[str, Any]
    device: torch.device
    precision: str
    threads: int
    stored_report: dict[str, Any] | None

    def open(self) -> Scorer:
        """The network, its tokenizer and what computes its logits."""
        if self.export is not None:
            return open_onnx(self.export, self.threads)
        return open_torch(self.model_folder, self.device, self.precision)

    def evaluation_folder(self, fingerprint: str) -> Path:
        """`evaluation/<split>` for the run's own data; for other data its name and fingerprint as well."""
        name = self.split if self.own_data else f"{self.dataset.name}-{self.split}-{fingerprint[:8]}"
        if self.export is not None:
            name += f"-{self.export.stem.replace('model', 'onnx')}"
        return self.folder / "evaluation" / name

    def reproduced(self, report: dict[str, Any]) -> bool | None:
        """Whether every stored digit of the split came out again.

        None where nothing is stored for this data, and for an export: onnxruntime adds up in another order.
        """
        stored = (self.stored_report or {}).get("splits", {}).get(self.split)
        if not self.own_data or stored is None or self.export is not None:
            return None
        return bool(report["splits"][self.split] == stored)


def open_run(settings: EvaluateSettings) -> StoredRun:
    """Find the run's folder, set its threads, and choose the data; raise `UserError` for what is missing."""
    evaluation = settings.evaluation
    if evaluation.checkpoint is None:
        raise UserError("evaluate.py needs a checkpoint.\nGive it: checkpoint=RUN, the folder that train.py printed.")
    exported = find_export(evaluation.checkpoint)
    models = exported.parent if exported else model_folder(evaluation.checkpoint)
    run = models.parent if (models.parent / ".hydra" / "config.yaml").is_file() else None
    config = _stored_config(run)
    if settings.dataset is None and config is None:
        raise UserError(
            f"{models} stands alone: the run's stored configuration is not beside it.\nSay what to score it on: dataset=files dataset.test=FILE."
        )
    environment = _json(run / "environment.json") if run else None
    threads = use_threads(evaluation.threads or (environment or {}).get("threads"))
    device = torch.device(
        "cuda" if (environment or {}).get("device") == "cuda" and torch.cuda.is_available() else "cpu"
    )
    precision = (environment or {}).get("precision", "fp32")
    config = config or {"seed": None, "dataset": {}}
    if settings.dataset is not None:
        config = config | {"dataset": settings.dataset.model_dump()}
    return StoredRun(
        folder=run or models,
        model_folder=models,
        export=exported,
        dataset=settings.dataset or stored_dataset(config),
        split=evaluation.split,
        own_data=settings.dataset is None,
        config=without_targets(config),
        device=device,
        precision="fp32" if precision == "fp16" and device.type == "cpu" else choose_precision(precision, device),
        threads=threads,
        stored_report=_json(run / REPORT) if run else None,
    )


def _stored_config(run: Path | None) -> dict[str, Any] | None:
    return None if run is None else load_stored_config(run)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return None
