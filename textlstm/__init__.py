"""textlstm: text classification with stacked LSTMs of pluggable depth."""

from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification

__version__ = "0.1.0"
__all__ = ["StackedLSTMConfig", "StackedLSTMForSequenceClassification", "__version__"]
