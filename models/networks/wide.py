"""The wide path: TF-IDF of hashed n-grams to logits, by weights that are fitted before the network is trained."""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from models.data.ngrams import Counts


class WidePath(nn.Module):
    """Logits of a linear model over n-grams. Its weights are buffers: the network's optimizer leaves them alone.

    Words and characters are weighted as scikit-learn's TfidfTransformer does (1 + log count, times idf), each kind to
    length 1.
    """

    idf: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, buckets: int, classes: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.register_buffer("idf", torch.ones(2 * buckets))
        self.register_buffer("weight", torch.zeros(2 * buckets, classes))
        self.register_buffer("bias", torch.zeros(classes))

    def forward(self, ngrams: Tensor, ngram_counts: Tensor) -> Tensor:
        """Columns (B, M) and their counts (B, M), 0 where padded, to logits (B, C)."""
        values = torch.where(ngram_counts > 0, (1 + ngram_counts.clamp(min=1).log()) * self.idf[ngrams], 0.0)
        words = ngrams < self.buckets
        lengths = [(values.square() * kind).sum(1, keepdim=True).sqrt() for kind in (words, ~words)]
        length: Tensor = torch.where(words, lengths[0], lengths[1])
        values = values / length.clamp(min=torch.finfo(values.dtype).tiny)
        return embedding_bag(ngrams, self.weight, per_sample_weights=values, mode="sum") + self.bias

    def logits(self, counts: Counts) -> Tensor:
        """Logits (N, C) of many rows of counts (N, 2 x buckets), on the CPU."""
        weighted = weighted_counts(counts, self.idf.cpu().numpy())
        return torch.from_numpy(weighted @ self.weight.cpu().numpy()) + self.bias.cpu()


def add_wide(logits: Tensor, path: WidePath | None, given: dict[str, Tensor]) -> Tensor:
    """``logits`` with those of the wide path, if there is one."""
    if path is None:
        return logits
    return logits + (given["wide_logits"] if "wide_logits" in given else path(**given))


@torch.no_grad()
def shrink(head: nn.Sequential, share: float) -> None:
    """Multiply the logits of a ``classification_head`` by ``share``, in its last layer: what it adds to a wide path."""
    for values in head[-1].parameters():
        values.mul_(share)


def inverse_frequency(counts: Counts) -> np.ndarray:
    """idf (2 x buckets,), smoothed as scikit-learn does: ln((1 + rows) / (1 + rows with it)) + 1."""
    rows, columns = counts.shape
    found = np.bincount(counts.indices, minlength=columns)
    return (np.log((1 + rows) / (1 + found)) + 1).astype(np.float32)


def weighted_counts(counts: Counts, idf: np.ndarray) -> Counts:
    """What ``WidePath.forward`` makes of counts, before the weights."""
    weighted = counts.astype(np.float32, copy=True)
    weighted.data = (1 + np.log(weighted.data)) * idf[weighted.indices]
    half = weighted.shape[1] // 2
    return sparse.hstack([_to_length_one(weighted[:, :half]), _to_length_one(weighted[:, half:])], format="csr")


def _to_length_one(values: Counts) -> Counts:
    lengths = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return sparse.diags_array(inverse.astype(np.float32)) @ values
