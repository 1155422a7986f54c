"""A student's epoch against the official way of computing it, and a student's step against a baseline's.

The official way (X-VLM's own code, and distillation as it is mostly written): eager attention with dropout on its
weights, all tokens through the last layer, an optimizer that goes through the parameters one by one, and a forward pass
of the teacher in every student step. Ours: fused attention and optimizer, of the last layer only the token that the
head reads, and the teacher's logits read from storage. Same machine, same batch, same
sizes, rounds in turn; compilation is not counted. Run with ``make bench-epoch``.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.source import code_version
from models.data.dataset import Videos
from models.data.tensors import Batch, Losses
from models.data.text import learn_tokenizer
from models.distillation.losses import supervised_loss
from models.networks.dfxvlm import DFXVLMConfig, DFXVLMForClassification
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.training.loop import fit
from models.training.prediction import forward
from models.training.settings import Recipe, TrainingSettings
from pipelines.task import load_task

DENSE = 16
WORDS = [first + second for first in "abcdefghijklmnopqrst" for second in "abcdefghijklmnopqrst"]


@dataclass
class RandomClips:
    """Clips of noise, in the place of a store of them."""

    clips: np.ndarray

    def frames(self, video_ids: Iterable[str]) -> np.ndarray:
        return self.clips[[int(video_id) for video_id in video_ids]]


def random_videos(settings: Recipe, count: int, vocabulary: int) -> Videos:
    generator = torch.Generator().manual_seed(0)
    length = settings.text.title_tokens
    ids = torch.randint(5, vocabulary, (count, length), generator=generator)
    logits = torch.randn(count, len(settings.classes), generator=generator)
    clips = settings.clips
    shape = (count, clips.frames, clips.image_size, clips.image_size, 3)
    videos = Videos(
        [str(row) for row in range(count)],
        RandomClips(np.random.default_rng(0).integers(0, 256, shape, np.uint8)),  # type: ignore[arg-type] - it is read as a store is
        (ids, torch.ones_like(ids)),
        torch.randint(0, len(settings.classes), (count,), generator=generator),
        {},
    )
    extras = {"teacher_logits": logits, "alpha": torch.full((count,), 0.5), "wide_logits": torch.zeros_like(logits)}
    return videos.with_extras(**extras, dense=torch.randn(count, DENSE, generator=generator))


def official(config: XVLMConfig) -> XVLMConfig:
    """The same sizes with eager attention and dropout on its weights, and no wide path."""
    config.wide = None
    config._attn_implementation = "eager"
    config.text = {**config.text, "attention_probs_dropout_prob": 0.1}
    return config


def reading_all_tokens(model: Any) -> Any:
    """The network, whose last layer computes all tokens before the head reads the first."""
    encoder = model.xvlm.encoder
    encoder.joint_vector = lambda *states: encoder.joint_states(*states)[:, 0]
    return model


def epochs(settings: Recipe, videos: int) -> dict[str, Callable[[], float]]:
    """Seconds of an epoch of each way."""
    tokenizer = learn_tokenizer(WORDS * 2, settings.text)
    rows = random_videos(settings, videos, len(tokenizer))
    dense = [str(column) for column in range(DENSE)]
    kwargs = {"dense_features": dense, "dense_widths": list(settings.network.dense_widths)}
    scored = official(DFXVLMConfig.from_settings(settings, tokenizer, **kwargs))
    teacher = reading_all_tokens(DFXVLMForClassification(scored)).eval()
    ours = settings.distillation.method.loss

    def labels_alone(logits: Tensor, batch: Batch) -> Losses:
        return supervised_loss(logits, batch["labels"])

    def config() -> XVLMConfig:
        return XVLMConfig.from_settings(settings, tokenizer)

    def epoch(
        loss: Callable[[Tensor, Batch], Losses], training: TrainingSettings, wide: bool = True
    ) -> Callable[[], float]:
        own = config()
        own.wide = own.wide if wide else None
        model = XVLMForClassification(own)
        return lambda: timed(lambda: fit(model, rows, loss, training, 0, lambda _: None))

    student = reading_all_tokens(XVLMForClassification(official(config())))
    plain = torch.optim.AdamW(student.parameters(), lr=settings.training.learning_rate, foreach=False, fused=False)
    compiled = settings.training.model_copy(update={"compile": True})
    return {
        "student, official way": lambda: timed(lambda: official_epoch(student, teacher, plain, rows, ours, settings)),
        "student": epoch(ours, settings.training),
        "student, compiled": epoch(ours, compiled),
        "student, no wide path": epoch(ours, settings.training, wide=False),
        "baseline": epoch(labels_alone, settings.training),
    }


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def official_epoch(
    student: XVLMForClassification,
    teacher: DFXVLMForClassification,
    optimizer: torch.optim.Optimizer,
    videos: Videos,
    loss: Callable[[Tensor, Batch], Losses],
    settings: Recipe,
) -> None:
    student.train()
    for rows in torch.randperm(len(videos)).split(settings.training.batch_size):
        batch = videos.batch(rows)
        with torch.no_grad():
            scored = forward(teacher, batch)
        losses = loss(forward(student, batch), {**batch, "teacher_logits": scored})
        optimizer.zero_grad()
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), settings.training.gradient_clip)
        optimizer.step()
        losses["loss"].item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="low_quality", help="whose sizes are taken")
    parser.add_argument("--videos", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    task = load_task(arguments.task).recipe
    training = task.training.model_copy(update={"epochs": 1, "patience": None})
    ways = epochs(task.model_copy(update={"training": training}), arguments.videos)
    for run in ways.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, run in ways.items():
            seconds[name].append(run())
    print(f"{code_version()}, {os.cpu_count()} cores, {platform.platform()}, torch {torch.__version__}")
    print(f"sizes of {arguments.task}, {arguments.videos} videos, batch {training.batch_size}")
    for name, values in seconds.items():
        spread = f"(of {len(values)}: {min(values):.2f} to {max(values):.2f})"
        print(f"{name:<24}{statistics.median(values):>8.2f} s an epoch {spread}")
    for label, first, second in (
        ("official way / ours", "student, official way", "student"),
        ("official way / ours, compiled", "student, official way", "student, compiled"),
        ("student step / baseline step", "student", "baseline"),
        ("wide path / none", "student", "student, no wide path"),
    ):
        ratios = [a / b for a, b in zip(seconds[first], seconds[second], strict=True)]
        print(f"{label}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
