"""Titles and overlay texts as counts of hashed n-grams: what a network's wide path reads."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from models.data.tensors import Batch
from models.data.text import clean
from models.settings import WideSettings

Counts: TypeAlias = Any  # a CSR matrix or array of scipy.sparse, of which mypy knows nothing


def count_ngrams(
    titles: Sequence[str], overlays: Sequence[str], settings: WideSettings, modalities: Sequence[str]
) -> Counts:
    """Counts (texts, 2 x buckets), float32: words in the first half of the columns, characters in the second.

    The two texts count as one; one that is not among the ``modalities`` is left out.
    """
    given = {"title": titles, "overlay_text": overlays}
    read = [values for name, values in given.items() if name in modalities]
    texts = ["\n".join(clean(text) for text in row) for row in zip(*read, strict=True)]
    return sparse.hstack([each.transform(texts) for each in _vectorizers(settings)], format="csr", dtype=np.float32)


@cache
def _vectorizers(settings: WideSettings) -> tuple[Any, Any]:
    shared = {"n_features": settings.buckets, "norm": None, "alternate_sign": False, "dtype": np.float32}
    return (
        HashingVectorizer(ngram_range=settings.words, **shared),
        HashingVectorizer(ngram_range=settings.characters, analyzer="char_wb", **shared),
    )


def padded(counts: Counts) -> Batch:
    """``ngrams`` (B, M), the columns of each row's counts, and ``ngram_counts`` (B, M), 0 behind the last."""
    lengths = np.diff(counts.indptr)
    there = np.arange(max(int(lengths.max(initial=0)), 1)) < lengths[:, None]
    ngrams, values = np.zeros(there.shape, np.int64), np.zeros(there.shape, np.float32)
    ngrams[there], values[there] = counts.indices, counts.data
    return {"ngrams": torch.from_numpy(ngrams), "ngram_counts": torch.from_numpy(values)}
