"""The training loop: one schedule for baseline, teacher and student; what differs is their loss and their rows."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import get_linear_schedule_with_warmup

from common.errors import UserError
from models.data.dataset import WIDE_LOGITS, Videos
from models.data.loading import Loader
from models.data.tensors import Batch, Losses
from models.networks.calibration import Calibration, calibrate
from models.networks.wide import shrink
from models.training.checkpoints import CheckpointFolder, History, TrainingState
from models.training.devices import checkpoint_activations, device, largest_batch, rank, summed, world
from models.training.objective import parameter_groups
from models.training.prediction import bare, forward, predict_logits
from models.training.settings import TrainingSettings

LossFunction = Callable[[Any, Batch], Losses]
# Each process drops out other units. A prime far above any seed of a run, so that no two processes of any of its
# trainings draw alike.
BETWEEN_RANKS = 1_000_003
MOST_NAMED = 8  # videos in an error message: enough to look at, and still one sentence


class TrainingError(UserError):
    """Training cannot continue; the message names the videos or the rows concerned."""


def fit(
    model: nn.Module,
    videos: Videos,
    loss_function: LossFunction,
    settings: TrainingSettings,
    seed: int,
    report: Callable[[str], None] = print,
    validation: Videos | None = None,
    checkpoints: CheckpointFolder | None = None,
) -> History:
    """Train ``model`` in place on all ``videos``, together with the other processes of this torchrun.

    Args:
        validation: labelled rows whose loss stops the training if ``settings.patience`` asks for it (``stopping``);
            the weights of the best epoch are then put back, which may be those before the first. Where the model has
            a wide path, what the other layers add to it is shrunk to the share that suits these rows best.
        checkpoints: where the state of the training is saved; if it holds one, the training resumes from it.

    Returns:
        The mean of every named loss term, an epoch a row, with the learning rate at its end.

    Raises:
        TrainingError: no rows, a loss that is not finite (the message names the videos), or a batch that does
            not fit into the device's memory (the message gives the largest that does).
    """
    if not len(videos):
        raise TrainingError("there are no videos to train on")
    trainer = _Trainer(model, videos, loss_function, settings, seed, validation, checkpoints or CheckpointFolder(None))
    return trainer.train(report if rank() == 0 else lambda _: None)


class _Trainer:
    """One training: what is fixed, and the state that moves."""

    def __init__(
        self,
        model: nn.Module,
        videos: Videos,
        loss_function: LossFunction,
        settings: TrainingSettings,
        seed: int,
        validation: Videos | None,
        checkpoints: CheckpointFolder,
    ) -> None:
        self.videos, self.loss_function, self.settings = videos, loss_function, settings
        self.validation, self.checkpoints = validation, checkpoints
        self.device = device()
        model.to(self.device).train()
        if settings.gradient_checkpointing:
            checkpoint_activations(model)
        self.model = model
        self.runner: Any = torch.compile(model) if settings.compile else model
        if world() > 1:
            self.runner = DistributedDataParallel(self.runner)
            torch.manual_seed(seed + BETWEEN_RANKS * rank())
        steps = self.steps = settings.epochs * math.ceil(len(videos) / settings.batch_size)
        optimizer = torch.optim.AdamW(parameter_groups(model, settings), lr=settings.learning_rate, fused=True)
        schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup_share * steps), steps)
        self.state = TrainingState(model, optimizer, schedule, torch.Generator().manual_seed(seed))

    def train(self, report: Callable[[str], None]) -> History:
        progress = self.state.progress
        if self.checkpoints.restore(self.state):
            progress = self.state.progress
            at = "its end" if progress.finished else f"epoch {progress.epoch}, batch {progress.batch}"
            report(f"resumes from the checkpoint at {at}")
        elif self._may_stop:
            report(f"before training  tuning_loss {self._validate(0):.4f}")
        while not progress.finished:
            waited = self._epoch()
            quiet = ("epoch", "learning_rate")
            terms = "  ".join(f"{n} {value:.4f}" for n, value in progress.history[-1].items() if n not in quiet)
            report(f"epoch {progress.epoch}/{self.settings.epochs}  {terms}  waited for data {waited:.0%}")
            progress.epoch, progress.batch, progress.totals = progress.epoch + 1, 0, {}
            progress.finished = progress.epoch > self.settings.epochs or self._stale()
            if progress.finished:
                self.state.epoch_start = None
                self.checkpoints.save(self.state)
        if self.state.best:
            self.model.load_state_dict(self.state.best)
        if self.validation is not None and WIDE_LOGITS in self.validation.extras:
            shrink(bare(self.model).head, self._calibration().share)
        return progress.history

    def _epoch(self) -> float:
        """What is left of an epoch. Returns the share of the time that the device waited for data."""
        progress, state = self.state.progress, self.state
        started = time.perf_counter()
        state.epoch_start = state.generator.get_state()
        order = torch.randperm(len(self.videos), generator=state.generator)
        steps = [self._parts(rows) for rows in order.split(self.settings.batch_size)[progress.batch :]]
        loader = Loader(self.videos, [rows for parts in steps for rows, _ in parts], self.settings.workers, self.device)
        batches = iter(loader)
        for parts in steps:
            self._step([share for _, share in parts], batches)
            progress.batch += 1
            if state.schedule.last_epoch % self.settings.checkpoint_steps == 0:
                self.checkpoints.save(state)
        seconds = time.perf_counter() - started
        row = {name: total / len(self.videos) for name, total in progress.totals.items()}
        if self._may_stop:
            row["tuning_loss"] = self._validate(progress.batch)
        progress.history.append({"epoch": progress.epoch, **row, "learning_rate": state.schedule.get_last_lr()[0]})
        return loader.waited / seconds

    def _parts(self, rows: Tensor) -> list[tuple[Tensor, float]]:
        """This process's part of a batch, in as many pieces as it is accumulated from, each with its rows' count.

        A process that a small batch leaves without rows computes one that counts for nothing, as all must join.
        """
        own = rows[rank() :: world()]
        if not len(own):
            return [(rows[:1], 0.0)]
        pieces = own.tensor_split(min(self.settings.accumulation, len(own)))
        return [(piece, len(piece) / len(rows)) for piece in pieces]

    def _step(self, shares: list[float], batches: Iterator[tuple[Tensor, Batch]]) -> None:
        """One step of the optimizer over one batch: the mean of the loss over its rows, whoever computes them."""
        state = self.state
        state.optimizer.zero_grad(set_to_none=True)
        terms: dict[str, Tensor] = {}
        rows = 0
        for position, share in enumerate(shares, start=1):
            chosen, batch = next(batches)
            waits = world() > 1 and position < len(shares)
            with self.runner.no_sync() if waits else nullcontext():
                losses = self._gradients(batch, chosen, share * world())
            rows += len(chosen) if share else 0
            for name, value in losses.items():
                terms[name] = terms.get(name, torch.zeros((), device=self.device)) + value.detach() * share
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_clip)
        state.optimizer.step()
        state.schedule.step()
        count = summed(torch.tensor([float(rows)])).item()
        for name, value in zip(terms, summed(torch.stack(list(terms.values()))).tolist(), strict=True):
            state.progress.totals[name] = state.progress.totals.get(name, 0.0) + value * count

    def _gradients(self, batch: Batch, rows: Tensor, weight: float) -> Losses:
        """The losses of a piece, whose gradients are added up."""
        try:
            losses = self._losses(batch, rows)
            (losses["loss"] * weight).backward()
            return losses
        except torch.OutOfMemoryError:
            losses = {}  # what the failed pass holds is let go of before a smaller one is tried
        raise TrainingError(self._too_large(batch, rows))

    def _too_large(self, batch: Batch, rows: Tensor) -> str:
        fits = largest_batch(lambda part: self._losses(part, rows)["loss"], batch)
        own = self.settings
        if not fits:
            return f"not one video fits into the memory of {self.device}: lower clips.frames or clips.image_size"
        return (
            f"{len(rows)} videos at once do not fit into the memory of {self.device}, but {fits} do: set "
            f"training.batch_size to {fits * own.accumulation * world()} or training.accumulation to "
            f"{own.accumulation * math.ceil(len(rows) / fits)}"
        )

    def _losses(self, batch: Batch, rows: Tensor) -> Losses:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            outputs = forward(self.model if len(batch["labels"]) < len(rows) else self.runner, batch)
        losses = self.loss_function(_float(outputs), batch)
        if not torch.isfinite(losses["loss"]):
            names = ", ".join(self.videos.video_ids[row] for row in self._culprits(outputs, rows))
            raise TrainingError(f"the loss is not finite in epoch {self.state.progress.epoch}, on the videos {names}")
        return losses

    def _culprits(self, outputs: Any, rows: Tensor) -> list[int]:
        """Rows whose outputs are not finite; where all or none are, no row is to blame: the batch's first."""
        if isinstance(outputs, Tensor):
            bad = ~torch.isfinite(outputs).flatten(1).all(1).cpu()
            if bad.any() and not bad.all():
                rows = rows[bad]
        return rows.tolist()[:MOST_NAMED]

    @property
    def _may_stop(self) -> bool:
        return self.validation is not None and self.settings.patience is not None

    def _validate(self, steps: int) -> float:
        """The calibrated loss on the tuning rows after ``steps`` more; keeps the weights of the least."""
        own, progress = self.settings, self.state.progress
        loss = self._calibration().loss
        self.model.train()
        if loss < progress.stop.least:
            self.state.best = copy.deepcopy(self.model.state_dict())
        progress.stop = progress.stop.after(loss, steps, self.state.schedule.last_epoch, own, self.steps)
        return loss

    def _calibration(self) -> Calibration:
        """Of what the network says of the tuning rows."""
        assert self.validation is not None  # noqa: S101 - the callers ask only then
        wide = self.validation.extras.get(WIDE_LOGITS)
        logits = predict_logits(self.model, self.validation, self.settings.batch_size, self.settings.workers)
        return calibrate(logits, self.validation.labels.numpy(), None if wide is None else wide.numpy())

    def _stale(self) -> bool:
        return self._may_stop and self.state.progress.stop.stale >= (self.settings.patience or 0)


def _float(outputs: Any) -> Any:
    """Losses are computed in float32, whatever the network computes in."""
    return outputs.float() if isinstance(outputs, Tensor) else outputs
