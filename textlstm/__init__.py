"""textlstm: text classification with stacked LSTMs of pluggable depth."""

from textlstm import kernels
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification, native

native.offer(kernels.load)

__version__ = "0.1.0"
__all__ = ["StackedLSTMConfig", "StackedLSTMForSequenceClassification", "__version__"]
