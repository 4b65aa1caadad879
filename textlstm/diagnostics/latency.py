"""How long a text waits for its answer when it comes alone."""

import statistics
import time

import torch

from textlstm.data.batches import Collator, EncodedTexts
from textlstm.model import StackedLSTMForSequenceClassification

TEXTS = 30


def latency(model: StackedLSTMForSequenceClassification, texts: EncodedTexts, count: int = TEXTS) -> float:
    """Median milliseconds to classify one of `count` texts spread over the lengths of `texts`, from ids to logits.

    A machine that is busy with other work shows in it: compare figures of one quiet machine alone.
    """
    collate, order = Collator(model.config.pad_token_id), texts.by_length()
    chosen = [order[i * len(order) // count] for i in range(count)] if len(order) > count else list(order)
    was_training = model.training
    model.eval()
    seconds = []
    with torch.inference_mode():
        # The first call warms up and is not counted.
        for number in [chosen[0], *chosen]:
            batch = {
                name: tensor.to(model.device) for name, tensor in collate([{"input_ids": texts.ids[number]}]).items()
            }
            started = time.perf_counter()
            model(**batch).logits.cpu()
            seconds.append(time.perf_counter() - started)
    model.train(was_training)
    return 1000 * statistics.median(seconds[1:])
