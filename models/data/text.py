"""Titles and overlay texts to tokens, by a given tokenizer or by one learned from the training rows."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from common.errors import UserError
from models.settings import MODALITIES, TextSettings

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LONGEST_TEXT = 4_096  # characters: many times what any token budget reads, and a bound on what a hostile text costs
ALPHABET_DIVISOR = 4  # at most a quarter of a vocabulary is single characters: enough for a script, words have the rest
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]+")


class TextError(UserError):
    """A tokenizer that is not there or does not fit. The message names it."""


def clean(text: str | None) -> str:
    """Text of any script made safe to tokenize: no control characters, NFC, cut at 4,096 characters."""
    encodable = (text or "")[:LONGEST_TEXT].encode("utf-8", "replace").decode()  # JSON can hold lone surrogates
    return unicodedata.normalize("NFC", _UNSEEN.sub(" ", encodable)).strip()


def learn_tokenizer(texts: Iterable[str], settings: TextSettings) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of the most frequent words, with single characters to fall back on.

    The library's own WordPiece trainer gives another vocabulary each time it runs on the same texts; a run
    must be a function of its data, so the vocabulary is counted here: by frequency, then alphabet.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    words = pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        normal = normalizer.normalize_str(clean(text))
        counts.update(word for word, _ in words.pre_tokenize_str(normal))
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    alphabet = [c for c, _ in _ranked(characters)[: settings.vocabulary // ALPHABET_DIVISOR]]
    frequent = [word for word, count in _ranked(counts) if count > 1 and len(word) > 1]
    pieces = [*SPECIAL, *alphabet, *(f"##{c}" for c in alphabet), *frequent]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces[: settings.vocabulary]))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = words
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",  # noqa: S106
    )  # fmt: skip


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def load_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """A tokenizer of the hub or of a local folder. Raises TextError unless it has the tokens that X-VLM needs."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise TextError(f"there is no tokenizer at {name} (text.tokenizer): name a hub model or a folder") from error
    wanted = ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token")
    missing = [token for token in wanted if getattr(tokenizer, token) is None]
    if missing or not tokenizer.is_fast:
        raise TextError(f"the tokenizer {name} does not match X-VLM: it has no {', '.join(missing) or 'fast form'}")
    return tokenizer


def text_length(settings: TextSettings, modalities: Sequence[str]) -> int:
    """The longest sequence of tokens that ``encode`` gives."""
    budgets = {"title": settings.title_tokens, "overlay_text": settings.overlay_tokens}
    return 1 + sum(budgets[name] + 1 for name in modalities if name in budgets)


def encode(
    tokenizer: PreTrainedTokenizerFast,
    titles: Sequence[str],
    overlays: Sequence[str],
    settings: TextSettings,
    modalities: Sequence[str] = MODALITIES,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``[CLS] title [SEP] overlay [SEP]``, each text cut at its own budget, padded on the right.

    A text that is not among the ``modalities`` is left out with its [SEP]; without any, [CLS] reads alone.

    Returns:
        input_ids and attention_mask, int64, (texts, ``text_length``).
    """
    length = text_length(settings, modalities)
    input_ids = torch.full((len(titles), length), tokenizer.pad_token_id, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    parts = []
    if "title" in modalities:
        parts.append(_token_ids(tokenizer, titles, settings.title_tokens))
    if "overlay_text" in modalities:
        parts.append(_token_ids(tokenizer, overlays, settings.overlay_tokens))
    for row in range(len(titles)):
        ids = [tokenizer.cls_token_id]
        for part in parts:
            ids += [*part[row], tokenizer.sep_token_id]
        input_ids[row, : len(ids)] = torch.tensor(ids)
        attention_mask[row, : len(ids)] = 1
    return input_ids, attention_mask


def _token_ids(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], budget: int) -> list[list[int]]:
    cleaned = [clean(text) for text in texts]
    encoded = tokenizer(cleaned, add_special_tokens=False, truncation=True, max_length=budget)
    return encoded["input_ids"]
