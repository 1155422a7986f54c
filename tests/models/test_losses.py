"""Closed forms of the losses, gradients included (METHODS 1.2, 1.9 A1 and A3)."""

import pytest
import torch

from models.losses import distillation_loss, label_loss, soft_target_loss


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(6, 3, generator=generator, dtype=torch.float64).requires_grad_()
    teacher = torch.randn(6, 3, generator=generator, dtype=torch.float64).requires_grad_()
    return student, teacher, torch.tensor([0, 1, 2, 2, 1, 0])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_soft_target_loss_is_the_papers_sum(batch, temperature):
    student, teacher, _ = batch
    q_t, q_s = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
    expected = temperature**2 * (q_t * (q_t / q_s).log()).sum(1)
    torch.testing.assert_close(soft_target_loss(student, teacher, temperature), expected)


def test_gradient_at_temperature_one_is_that_of_a_blended_target(batch):
    student, teacher, labels = batch
    alpha = torch.linspace(0, 1, 6, dtype=torch.float64)
    distillation_loss(student, teacher, labels, alpha)["loss"].backward()
    target = (1 - alpha)[:, None] * torch.eye(3)[labels] + alpha[:, None] * teacher.softmax(1)
    torch.testing.assert_close(student.grad, ((student.softmax(1) - target) / 6).detach())


def test_the_teacher_receives_no_gradient(batch):
    student, teacher, labels = batch
    distillation_loss(student, teacher, labels, torch.full((6,), 0.5))["loss"].backward()
    assert teacher.grad is None


def test_alpha_zero_is_the_baselines_loss(batch):
    student, teacher, labels = batch
    losses = distillation_loss(student, teacher, labels, torch.zeros(6, dtype=torch.float64))
    assert losses["loss"].item() == label_loss(student, labels).mean().item()
    assert losses["soft_target_loss"].item() == 0


def test_a_constant_alpha_is_pfd_bit_for_bit(batch):
    student, teacher, labels = batch
    each = distillation_loss(student, teacher, labels, torch.full((6,), 0.3, dtype=torch.float64))["loss"]
    pfd = (0.7 * label_loss(student, labels)).mean() + (0.3 * soft_target_loss(student, teacher)).mean()
    assert each.item() == pytest.approx(pfd.item(), abs=1e-15)


def test_the_terms_sum_to_the_loss(batch):
    student, teacher, labels = batch
    losses = distillation_loss(student, teacher, labels, torch.full((6,), 0.4))
    assert losses["label_loss"] + losses["soft_target_loss"] == losses["loss"]


def test_a_video_without_a_label_teaches_by_its_soft_target_alone(batch):
    student, teacher, _ = batch
    unlabelled = torch.full((6,), -1)
    losses = distillation_loss(student, teacher, unlabelled, torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(losses["loss"], soft_target_loss(student, teacher).mean())
