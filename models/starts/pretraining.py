"""Pre-training of X-VLM on videos without labels: contrast, matching, masked words (Zeng et al., ICML 2022)."""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from models.data.tensors import Losses
from models.networks.xvlm import XVLM, XVLMConfig, XVLMPreTrainedModel, classification_head

# These are the official code's (github.com/zengyan-97/X-VLM): the range that the learned temperature is clamped to and
# where it begins, the share of tokens that is masked and the most of a text, and what every other text weighs at least,
# so that a negative can be drawn where all similarities vanish.
TEMPERATURES, FIRST_TEMPERATURE = (0.001, 0.5), 0.07
MASKED_SHARE, MOST_MASKED = 0.25, 8
LEAST_WEIGHT = 1e-5
# Of the chosen tokens 80 % are masked, the next 10 % become another, the others stay (Devlin et al., NAACL 2019).
MASK_BELOW, OTHER_BELOW = 0.8, 0.9


def contrastive_loss(video: Tensor, text: Tensor, temperature: Tensor, same: Tensor) -> Tensor:
    """ITC: the symmetric cross-entropy of normalised features (B, D) over this process's batch.

    ``same`` (B, B) is True where two videos have the same text: they share the target, as neither is wrong.
    """
    similarity = video @ text.T / temperature
    target = same.to(similarity.dtype) / same.sum(1, keepdim=True)
    return (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target)) / 2


def hard_negatives(similarity: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of (B, B) a column of another text, drawn in proportion to softmax(similarity) + 1e-5.

    Returns:
        the columns (B,), and whether there was one to draw (B,).
    """
    weights = (similarity.detach().softmax(1) + LEAST_WEIGHT).masked_fill(same, 0)
    there = ~same.all(1)
    return torch.multinomial(weights.masked_fill(~there[:, None], 1.0), 1)[:, 0], there


def mask_tokens(
    input_ids: Tensor, special: Tensor, continuation: Tensor, mask_id: int, vocabulary: int
) -> tuple[Tensor, Tensor]:
    """A quarter of each text's tokens masked, at least one and at most eight, by whole words.

    Of those 80 % become the mask, 10 % another token, 10 % stay. Randomness is torch's own.

    Args:
        special: (B, L) True where a token is never masked (padding, [CLS], [SEP]).
        continuation: (vocabulary,) True for tokens that continue the word before them.

    Returns:
        the ids with masks, and labels (B, L): the original id where one was masked, -100 elsewhere.
    """
    words = (~continuation[input_ids] | special).cumsum(1)
    score = torch.rand(input_ids.shape, device=input_ids.device).gather(1, words.clamp(max=input_ids.shape[1] - 1))
    rank = score.masked_fill(special, 2.0).argsort(dim=1, stable=True).argsort(dim=1)
    candidates = (~special).sum(1, keepdim=True)
    count = (MASKED_SHARE * candidates).round().clamp(1, MOST_MASKED).minimum(candidates)
    chosen = (rank < count) & ~special
    labels = input_ids.masked_fill(~chosen, -100)
    fate = torch.rand(input_ids.shape, device=input_ids.device)
    other = torch.randint_like(input_ids, vocabulary)
    masked = torch.where(chosen & (fate < MASK_BELOW), mask_id, input_ids)
    return torch.where(chosen & (fate >= MASK_BELOW) & (fate < OTHER_BELOW), other, masked), labels


def continuations(pieces: list[str]) -> list[bool]:
    """Which pieces of a vocabulary continue the word before them, as WordPiece (##), or BPE (no leading space)."""
    for space in ("\u0120", "\u2581"):  # byte-level and sentencepiece marks of a leading space
        if any(piece.startswith(space) for piece in pieces):
            return [not piece.startswith(space) for piece in pieces]
    return [piece.startswith("##") for piece in pieces]


class MaskedLanguageHead(nn.Module):
    """BERT's head over joint states, its decoder tied to the word embeddings."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """(N, width) states to (N, vocabulary) logits."""
        return F.linear(self.norm(F.gelu(self.dense(states))), embeddings, self.bias)


class XVLMForPretraining(XVLMPreTrainedModel):
    """X-VLM with the heads of its pre-training. A network without frames learns from masked words alone."""

    inputs = ("input_ids", "attention_mask", "frames")

    def __init__(self, config: XVLMConfig) -> None:
        super().__init__(config)
        self.xvlm = XVLM(config)
        hidden, vocabulary = config.text["hidden_size"], config.text["vocab_size"]
        self.masked_language = MaskedLanguageHead(hidden, vocabulary)
        self.register_buffer("continuation", torch.zeros(vocabulary, dtype=torch.bool))
        if config.reads_frames:
            self.vision_proj = nn.Linear(self.xvlm.vision.width, config.projection)
            self.text_proj = nn.Linear(hidden, config.projection)
            self.matching_head = classification_head(hidden, 2)
            self.temperature = nn.Parameter(torch.tensor(FIRST_TEMPERATURE))
        self.post_init()

    @classmethod
    def for_tokenizer(cls, config: XVLMConfig, tokenizer: PreTrainedTokenizerFast) -> Self:
        """A new network that knows the tokenizer's special tokens and the pieces that continue a word."""
        config.special_tokens = sorted(tokenizer.all_special_ids)
        config.mask_token = tokenizer.mask_token_id
        model = cls(config)
        pieces = [str(each) for each in tokenizer.convert_ids_to_tokens(list(range(config.text["vocab_size"])))]
        model.continuation.copy_(torch.tensor(continuations(pieces)))
        return model

    def features(self, visual: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised features (B, D) of clips and texts: of the mean of the frames' class tokens, of [CLS]."""
        frames = self.config.clips["frames"]
        classes = visual.unflatten(1, (frames, -1))[:, :, 0].mean(1)
        return F.normalize(self.vision_proj(classes), dim=1), F.normalize(self.text_proj(states[:, 0]), dim=1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, frames: Tensor | None = None) -> Losses:
        """Named loss terms of a batch and their unweighted sum, ``loss``."""
        visual = None if frames is None else self.xvlm.visual_tokens(frames)
        losses = {"masked_language": self._masked_words(input_ids, attention_mask, visual)}
        if visual is not None:
            losses |= self._pairs(input_ids, attention_mask, visual)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def _pairs(self, input_ids: Tensor, attention_mask: Tensor, visual: Tensor) -> Losses:
        states = self.xvlm.encoder.text_states(input_ids, attention_mask)
        video, text = self.features(visual, states)
        temperature = self.temperature.clamp(*TEMPERATURES)
        same = (input_ids[:, None] == input_ids[None]).all(2)
        similarity = video @ text.T / temperature
        (texts, has_text), (videos, has_video) = (hard_negatives(each, same) for each in (similarity, similarity.T))
        own = torch.arange(len(video), device=video.device)
        pick_text, pick_video = torch.cat([own, texts, own]), torch.cat([own, own, videos])
        joint = self.xvlm.encoder.joint_states(states[pick_text], attention_mask[pick_text], visual[pick_video])
        truth = (torch.arange(3 * len(own), device=video.device) < len(own)).long()
        counts = torch.cat([has_text & has_video, has_text, has_video]).to(joint.dtype)
        each = F.cross_entropy(self.matching_head(joint[:, 0]), truth, reduction="none")
        return {
            "contrastive": contrastive_loss(video, text, temperature, same),
            "matching": (each * counts).sum() / counts.sum().clamp(min=1),
        }

    def _masked_words(self, input_ids: Tensor, attention_mask: Tensor, visual: Tensor | None) -> Tensor:
        special = torch.isin(input_ids, torch.tensor(self.config.special_tokens, device=input_ids.device))
        masked, labels = mask_tokens(
            input_ids, special, self.continuation, self.config.mask_token, len(self.continuation)
        )
        states = self.xvlm.encoder.text_states(masked, attention_mask)
        joint = self.xvlm.encoder.joint_states(states, attention_mask, visual)
        chosen = labels != -100
        embeddings: Any = self.xvlm.encoder.embeddings.word_embeddings.weight
        logits = self.masked_language(joint[chosen], embeddings)
        return F.cross_entropy(logits, labels[chosen], reduction="sum") / chosen.sum().clamp(min=1)
