"""What all tests share: no network, one thread, real data where it lies, GPU tests only on a GPU."""

import os

# Before any import of transformers or datasets, which read it once.
os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks of a test are too small for more, and what a test sets shall not reach the next."""
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What tests train and read stays out of the user's cache; the kernel alone is taken from there."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textlstm.data.tokenizers.cache.cache_folder", lambda: folder)
        patch.setattr("textlstm.embeddings.cache.cache_folder", lambda: folder)
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a real data file; the test is skipped where it is absent."""

    def locate(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"real data is not here: {name}")
        return path

    return locate
