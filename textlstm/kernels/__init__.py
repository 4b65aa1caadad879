"""The native kernel: C++ for the recurrence on a CPU, compiled where it runs.

`load()` gives it, or None where it cannot be had: then the network runs on torch's own kernels and on the
readable loop. Nothing here is needed to load a checkpoint.
"""

from textlstm.kernels.build import load

__all__ = ["load"]
