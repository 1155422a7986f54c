"""Batches on their way to the device: read or decoded ahead by worker processes, and how long they were waited for."""

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.data.dataset import Videos
from models.data.tensors import Batch

AHEAD = 4  # batches ready a worker: enough for videos of uneven length, few enough for shared memory


class _Rows(Dataset):
    """Batches by the rows that they hold."""

    def __init__(self, videos: Videos, batches: Sequence[Tensor]) -> None:
        self.videos, self.parts = videos, batches

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[Tensor, Batch]:
        return self.parts[index], self.videos.batch(self.parts[index])


class Loader:
    """Iterates over (rows, batch) on ``device``, in the order given.

    ``waited`` says how many seconds the consumer waited for data.
    """

    def __init__(self, videos: Videos, batches: Sequence[Tensor], workers: int, device: torch.device) -> None:
        self.device = device
        self.waited = 0.0
        self.loader = DataLoader(
            _Rows(videos, batches),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=AHEAD if workers else None,
            pin_memory=device.type == "cuda",
            # A generator of its own: else each start of an iteration draws from the one that dropout draws from,
            # and a training that resumes in the middle of an epoch would draw once more than one that never ended.
            generator=torch.Generator(),
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Batch]]:
        asked = time.perf_counter()
        for rows, batch in self.loader:
            moved = {name: values.to(self.device, non_blocking=True) for name, values in batch.items()}
            self.waited += time.perf_counter() - asked
            yield rows, moved
            asked = time.perf_counter()
