"""The wide path: what it weighs is scikit-learn's TF-IDF, in training and where it is served alike."""

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from models.data.ngrams import count_ngrams, padded
from models.networks.wide import WidePath, inverse_frequency, weighted_counts
from models.settings import WideSettings

SETTINGS = WideSettings(buckets=4_096)
TITLES = ["Cooking pasta at home", "Pasta, pasta, PASTA!", "\u8fdd\u89c4 \u89c6\u9891", "", "a b"]
OVERLAYS = ["fast and easy", "", "\u4e0d\u8981", "", "c"]


def counts():
    return count_ngrams(TITLES, OVERLAYS, SETTINGS, ("frames", "title", "overlay_text"))


def test_counts_are_weighted_as_scikit_learn_does():
    texts = ["\n".join(each) for each in zip(TITLES, OVERLAYS, strict=True)]
    parts = []
    for kind in ({"ngram_range": (1, 2)}, {"ngram_range": (2, 5), "analyzer": "char_wb"}):
        raw = HashingVectorizer(n_features=4_096, norm=None, alternate_sign=False, **kind).transform(texts)
        parts.append(TfidfTransformer(sublinear_tf=True).fit_transform(raw))
    found = weighted_counts(counts(), inverse_frequency(counts()))
    np.testing.assert_allclose(found.toarray(), sparse.hstack(parts).toarray(), atol=1e-6)


def test_a_served_batch_gives_the_logits_of_training(rng):
    path = WidePath(SETTINGS.buckets, 3)
    path.idf.copy_(torch.from_numpy(inverse_frequency(counts())))
    path.weight.copy_(torch.from_numpy(rng.normal(size=path.weight.shape)))
    path.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    many = path.logits(counts())
    torch.testing.assert_close(path(**padded(counts())), many, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(path(**padded(counts()[:1])), many[:1], atol=1e-5, rtol=1e-5)
    assert torch.equal(many[3], path.bias)  # a video without text
    assert list(path.parameters()) == []  # the network's optimizer leaves it alone


def test_a_text_that_is_not_a_modality_is_not_counted():
    alone = count_ngrams(TITLES, OVERLAYS, SETTINGS, ("title",))
    other = count_ngrams(TITLES, ["something else"] * 5, SETTINGS, ("title",))
    assert (alone != other).nnz == 0
    assert (alone != counts()).nnz > 0
