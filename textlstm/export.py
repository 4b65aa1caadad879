"""Write a trained network as ONNX, for a place without torch.

python -m textlstm.export RUN --format onnx
python -m textlstm.export RUN --format onnx --int8
"""

import argparse
import math
import sys
from pathlib import Path

from rich.console import Console

from textlstm.data.batches import EncodedTexts
from textlstm.data.label_sets import label_array
from textlstm.data.load import load_evaluation_data
from textlstm.door.run_folder import load_stored_config
from textlstm.door.settings import stored_dataset
from textlstm.errors import UserError
from textlstm.network import model_folder
from textlstm.use.checkpoint import find_export, require
from textlstm.use.classify import FULL, INT8
from textlstm.use.torch_classifier import TorchClassifier

MOST_LOSS = 0.01


def export(checkpoint: str, output: Path | None, *, int8: bool, most_loss: float, console: Console) -> None:
    """Write the export and say what it is; raise `UserError` for what cannot be exported."""
    if find_export(checkpoint):
        raise UserError(f"{checkpoint} is an export already.\nGive the folder of the run.")
    for module in ("onnx", "onnxruntime"):
        require(module, "textlstm.export")
    from textlstm.use.export import export_onnx  # here, since it needs the extra

    models = model_folder(checkpoint)
    network = TorchClassifier(models)
    texts, why_not = validation_texts(models, network)
    if int8 and texts is None:
        raise UserError(
            f"--int8 needs the run's validation texts to measure what it costs: {why_not}\nExport where they are, or without --int8."
        )
    folder = output or (models.parent if models.name == "model" else models) / "onnx"
    done = export_onnx(network, models / "tokenizer.json", folder, texts=texts, most_loss=most_loss if int8 else None)
    source = "validation texts" if texts else "texts made of the vocabulary"
    if why_not:
        console.print(f"note      no validation texts: {why_not}")
    console.print(
        f"onnx      {folder / FULL}, {megabytes(folder / FULL)}; logits as torch's within {done.difference:.0e} on {done.texts} {source}"
    )
    if done.accuracy is not None and done.int8_accuracy is not None:
        change = 100 * (done.int8_accuracy - done.accuracy)
        console.print(
            f"int8      {folder / INT8}, {megabytes(folder / INT8)}; validation accuracy {100 * done.accuracy:.2f}% -> "
            f"{100 * done.int8_accuracy:.2f}% ({change:+.2f} points)"
        )
    words = "'some text'" if network.separator is None else "'one text' 'another'"
    console.print(f"next      python {folder / 'classify.py'} {words}")


def validation_texts(models: Path, network: TorchClassifier) -> tuple[EncodedTexts | None, str]:
    """The run's own validation split; or None, and why it is not here."""
    run = models.parent
    if not (run / ".hydra" / "config.yaml").is_file():
        return None, "the run's stored configuration is not beside the model."
    try:
        source = stored_dataset(load_stored_config(run))
        data = load_evaluation_data(
            source,
            "validation",
            label_names=network.labels,
            as_in_training=True,
            multi_label=network.thresholds is not None,
            pairs=network.separator is not None,
        )
    except (UserError, OSError) as error:
        return None, str(error).splitlines()[0]
    rows = data.splits["validation"]
    texts = list(rows["text"])
    ids = network.encode(list(zip(texts, rows["text_pair"], strict=True)) if data.pairs else texts)
    return EncodedTexts(ids, label_array(rows), network.max_length, network.from_end, network.separator), ""


def megabytes(path: Path) -> str:
    """The size of a file in words."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    number = float(text)
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed: give a share from 0 to 1, such as 0.01 for one point")
    return number


def main() -> None:
    """Export what the command line says; errors are two lines on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m textlstm.export", description="Write a trained network as ONNX, for a place without torch."
    )
    parser.add_argument("checkpoint", help="folder of a run, or its model/ folder")
    parser.add_argument("--format", choices=["onnx"], required=True, help="onnx")
    parser.add_argument("--int8", action="store_true", help=f"also write {INT8}, with 8-bit weights: smaller, faster")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to write; onnx/ in the run if left out")
    parser.add_argument(
        "--max-accuracy-drop",
        type=share,
        default=MOST_LOSS,
        metavar="SHARE",
        help=f"accuracy that int8 may lose on the validation texts; {MOST_LOSS} if left out, which is one point",
    )
    arguments = parser.parse_args()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        export(
            arguments.checkpoint,
            arguments.output,
            int8=arguments.int8,
            most_loss=arguments.max_accuracy_drop,
            console=console,
        )
    except (UserError, OSError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"Error: {error}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
