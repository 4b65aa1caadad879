"""What random masks must look like: shares, independence and means, within 5 standard errors of many draws."""

import torch
from torch import Tensor

ERRORS = 5


def assert_share(events: Tensor, rate: float, count: int | None = None) -> None:
    """The share of true values is `rate`; `count` where there are fewer independent draws than values."""
    error = (rate * (1 - rate) / (count or events.numel())) ** 0.5
    assert abs(events.double().mean().item() - rate) < ERRORS * error


def assert_independent(ours: Tensor, theirs: Tensor, rate: float) -> None:
    """Two masks of booleans agree as often as chance lets them: p^2 + (1 - p)^2."""
    assert_share(ours == theirs, rate**2 + (1 - rate) ** 2)


def assert_all_independent(masks: list[Tensor], rate: float) -> None:
    """Each of the masks has its share, and any two are independent."""
    for number, mask in enumerate(masks):
        assert_share(mask, rate)
        for other in masks[:number]:
            assert_independent(mask, other, rate)


def assert_mean(samples: Tensor, whole: Tensor, rate: float) -> None:
    """Samples [N, ...] are `whole`, zero at the rate and scaled up elsewhere: their mean is `whole`, value by value."""
    scaled = whole.expand_as(samples) / (1 - rate)
    torch.testing.assert_close(samples, torch.where(samples == 0, 0, scaled), rtol=0, atol=1e-12)
    error = whole.abs() * (rate / (1 - rate) / len(samples)) ** 0.5
    assert ((samples.mean(0) - whole).abs() <= ERRORS * error + 1e-12).all()
