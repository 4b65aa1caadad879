"""The exported network with 8-bit weights: onnxruntime's dynamic quantization of LSTMs, products and the token vectors."""

import logging
from pathlib import Path


def quantize(full: Path, small: Path) -> None:
    """Write `small`, the network of `full` with 8-bit weights.

    Seven of the eight bits are used: with eight, processors without VNNI instructions overflow in the sum of two
    products, which costs far more accuracy. A layer that runs as a `Scan` stays float.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    was_disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises a preparation that these graphs need not
    try:
        quantize_dynamic(
            full,
            small,
            op_types_to_quantize=["LSTM", "MatMul", "Gather"],
            weight_type=QuantType.QInt8,
            reduce_range=True,
        )
    finally:
        logging.disable(was_disabled)
