"""The network: configuration, layers, pooling, classifier. Flat, since that is what travels with a checkpoint."""

from .configuration import StackedLSTMConfig
from .modeling import StackedLSTMForSequenceClassification

__all__ = ["StackedLSTMConfig", "StackedLSTMForSequenceClassification"]
