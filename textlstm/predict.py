"""Classify a text with a trained checkpoint: `python -m textlstm.predict RUN "some text"`."""

import argparse
import sys

import numpy as np
from rich.console import Console
from scipy.special import softmax

from textlstm.data.batches import EncodedTexts, tokenize
from textlstm.data.text_files import is_utf8
from textlstm.errors import UserError
from textlstm.network import load_checkpoint, model_folder
from textlstm.training.scores import predict_logits


def predict(checkpoint: str, texts: list[str]) -> list[dict[str, float]]:
    """Class name -> probability for each text, the most probable first.

    Raises `UserError` for a checkpoint that cannot be loaded and for an empty text.
    """
    for text in texts:
        if not text.strip():
            raise UserError("The text is empty.\nGive at least one word.")
        if not is_utf8(text):
            raise UserError("The text is not UTF-8.\nConvert it first, or set the terminal to UTF-8.")
    model, tokenizer = load_checkpoint(model_folder(checkpoint))
    encoded = EncodedTexts(tokenize(texts, tokenizer), np.zeros(len(texts), np.int64), tokenizer.model_max_length)
    probabilities = softmax(predict_logits(model, encoded).astype(np.float64), axis=1)
    names = model.config.id2label
    return [{names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")} for row in probabilities]


def main() -> None:
    """Print the label, then every class with its probability."""
    parser = argparse.ArgumentParser(
        prog="python -m textlstm.predict", description="Classify a text with a trained checkpoint."
    )
    parser.add_argument("checkpoint", help="folder of a run, or its model/ folder")
    parser.add_argument("text", nargs="+", help="the text; words are joined by spaces")
    arguments = parser.parse_args()
    try:
        (probabilities,) = predict(arguments.checkpoint, [" ".join(arguments.text)])
    except UserError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"Error: {error}", markup=False)
        sys.exit(1)
    print(next(iter(probabilities)))
    width = max(map(len, probabilities))
    for name, probability in probabilities.items():
        print(f"  {name:<{width}}  {probability:.4f}")


if __name__ == "__main__":
    main()
