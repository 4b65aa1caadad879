"""What training minimises where it is not the plain cross-entropy: with smoothed targets, or classes of unequal weight."""

from torch import Tensor
from torch.nn import functional


def training_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """The mean loss of logits [B, C].

    labels [B]: cross-entropy, a share `smoothing` of the target spread over all classes (Szegedy et al. 2016); `weights` [C]
    give the weighted mean over the batch, as in torch. labels [B, C], zeros and ones: binary cross-entropy, the targets
    moved by half of `smoothing` to 1/2; `weights` [C] multiply what positives add.
    """
    if labels.ndim == 1:
        return functional.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing)
    targets = labels.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
