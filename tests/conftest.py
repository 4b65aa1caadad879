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


@pytest.fixture(autouse=True)
def own_vector_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of vectors that tests make are not kept in the user's cache."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setattr("textlstm.embeddings.cache.cache_folder", lambda: folder)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a real data file; the test is skipped where it is absent."""

    def locate(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"real data is not here: {name}")
        return path

    return locate
