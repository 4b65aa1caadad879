"""What a user may call a checkpoint: the folder of a run, its model/ or its onnx/ folder, or an .onnx file in that."""

import os
from importlib.util import find_spec
from pathlib import Path

from textlstm.errors import UserError
from textlstm.network import model_folder
from textlstm.use.classify import FULL, Classifier
from textlstm.use.torch_classifier import TorchClassifier


def load_classifier(checkpoint: str) -> Classifier:
    """The network, ready to use, computed by onnxruntime for an export and by torch for all else.

    Raises `UserError` for what is missing or damaged.
    """
    exported = find_export(checkpoint)
    return load_export(exported) if exported else TorchClassifier(model_folder(checkpoint))


def find_export(checkpoint: str) -> Path | None:
    """The .onnx file that is meant; None for a checkpoint of torch, and for what does not exist."""
    path = Path(checkpoint)
    file = path if path.suffix == ".onnx" else path / FULL
    return file if checkpoint and os.path.isfile(file) else None


def load_export(file: Path, *, threads: int = 0) -> Classifier:
    """The exported network; raise `UserError` where onnxruntime or a file is missing or a file is damaged."""
    require("onnxruntime", f"{file}")
    try:
        return Classifier(file, threads=threads)
    except ValueError as error:
        raise UserError(str(error)) from error


def require(module: str, what: str) -> None:
    """Raise `UserError` where a module of the extra `onnx` is not installed; `what` is what needs it."""
    if find_spec(module) is None:
        raise UserError(f"{what} needs {module}.\nInstall it: pip install textlstm[onnx]")
