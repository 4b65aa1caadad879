"""`python -m textlstm.kernels`: build the kernel ahead, and say where; exit code 1 where it cannot be built."""

import sys

from textlstm.kernels import load
from textlstm.kernels.build import library_path

if __name__ == "__main__":
    if load() is None:
        sys.exit(1)
    print(f"kernel    {library_path()}")
