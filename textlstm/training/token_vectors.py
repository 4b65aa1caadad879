"""How token vectors are trained: which rows of their table, and how fast."""

from transformers import PreTrainedModel

from textlstm.data.batches import EncodedTexts
from textlstm.model.embedding import TokenEmbedding
from textlstm.training.settings import TrainingSettings


def learn_rows_of(model: PreTrainedModel, train: EncodedTexts, settings: TrainingSettings) -> None:
    """Leave the rows behind the last one that a training text holds out of training, where nothing but its decay would act on them.

    The words that a file of vectors adds stand there: without them an update costs what the training texts' own words cost.
    """
    embedding = model.embedding
    if isinstance(embedding, TokenEmbedding) and embedding.table.weight.requires_grad and not settings.decay_embeddings:
        last = max(max(text, default=0) for text in train.ids)
        embedding.learn_first(1 + max(last, model.config.unk_token_id or 0, model.config.pad_token_id or 0))


def learn_all_rows(model: PreTrainedModel) -> None:
    """The end of `learn_rows_of`."""
    if isinstance(model.embedding, TokenEmbedding) and model.embedding.learned is not None:
        model.embedding.learn_all()


def own_learning_rates(settings: TrainingSettings) -> dict[str, float]:
    """Peak learning rates of parts that do not take `learning_rate`, by the beginning of their parameters' names."""
    rates = {
        "embedding.table.": settings.embedding_learning_rate,
        "embedding.learned": settings.embedding_learning_rate,
        "embedding.encoder.": settings.encoder_learning_rate,
    }
    return {prefix: rate for prefix, rate in rates.items() if rate is not None}
