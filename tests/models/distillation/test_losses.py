"""Closed forms of the losses, gradients included (Shi et al., CIKM 2024, equations 1 to 4)."""

import pytest
import torch

from models.distillation.losses import distillation_loss, label_loss, smoothed_loss, soft_target_loss, uncertain_loss

LABELS = torch.tensor([0, 1, 2, 2, 1, 0])


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    """The student's and the teacher's, of six videos and three classes."""
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(6, 3, generator=generator, dtype=torch.float64).requires_grad_()
    teacher = torch.randn(6, 3, generator=generator, dtype=torch.float64).requires_grad_()
    return student, teacher


def batch(teacher: torch.Tensor, alpha: float | torch.Tensor, labels: torch.Tensor = LABELS) -> dict[str, torch.Tensor]:
    alphas = alpha if isinstance(alpha, torch.Tensor) else torch.full((6,), alpha, dtype=torch.float64)
    return {"teacher_logits": teacher, "labels": labels, "alpha": alphas}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_soft_target_loss_is_the_papers_sum(logits, temperature):
    student, teacher = logits
    q_t, q_s = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
    expected = temperature**2 * (q_t * (q_t / q_s).log()).sum(1)
    torch.testing.assert_close(soft_target_loss(student, teacher, temperature), expected)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_gradient_is_that_of_a_blend_of_label_and_soft_target(logits, temperature):
    student, teacher = logits
    alpha = torch.linspace(0, 1, 6, dtype=torch.float64)
    distillation_loss(student, batch(teacher, alpha), temperature)["loss"].backward()
    hard = student.softmax(1) - torch.eye(3)[LABELS]
    soft = temperature * ((student / temperature).softmax(1) - (teacher / temperature).softmax(1))
    expected = ((1 - alpha)[:, None] * hard + alpha[:, None] * soft) / 6
    torch.testing.assert_close(student.grad, expected.detach())


@pytest.mark.parametrize("loss", [distillation_loss, uncertain_loss])
def test_the_teacher_receives_no_gradient(logits, loss):
    student, teacher = logits
    outputs = torch.cat([student, torch.zeros_like(student)], dim=1) if loss is uncertain_loss else student
    loss(outputs, batch(teacher, 0.5))["loss"].backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_alpha_receives_no_gradient(logits):
    student, teacher = logits
    alpha = torch.full((6,), 0.5, dtype=torch.float64, requires_grad=True)
    distillation_loss(student, batch(teacher, alpha))["loss"].backward()
    assert alpha.grad is None


def test_alpha_zero_is_the_baselines_loss(logits):
    student, teacher = logits
    losses = distillation_loss(student, batch(teacher, 0.0))
    assert losses["loss"].item() == label_loss(student, LABELS).mean().item()
    assert losses["soft_target_loss"].item() == 0


def test_a_constant_alpha_is_pfd_bit_for_bit(logits):
    student, teacher = logits
    each = distillation_loss(student, batch(teacher, 0.3))["loss"]
    pfd = (0.7 * label_loss(student, LABELS)).mean() + (0.3 * soft_target_loss(student, teacher)).mean()
    assert each.item() == pytest.approx(pfd.item(), abs=1e-15)


def test_class_weights_weigh_the_label_term_alone(logits):
    student, teacher = logits
    weights = torch.tensor([1.0, 5.0, 0.5], dtype=torch.float64)
    plain, weighted = (distillation_loss(student, batch(teacher, 0.5), class_weights=w) for w in (None, weights))
    assert plain["soft_target_loss"] == weighted["soft_target_loss"]
    expected = (0.5 * weights[LABELS] * label_loss(student, LABELS)).mean()
    torch.testing.assert_close(weighted["label_loss"], expected)


def test_label_smoothing_is_torchs_own(logits):
    student, _ = logits
    ours = smoothed_loss(student, {"labels": LABELS, "alpha": torch.full((6,), 0.1, dtype=torch.float64)})
    torch.testing.assert_close(ours["loss"], torch.nn.functional.cross_entropy(student, LABELS, label_smoothing=0.1))


def test_pad_is_a_gaussian_likelihood_of_the_teachers_centred_logits(logits):
    student, teacher = logits
    log_variance = torch.linspace(-1, 1, 18, dtype=torch.float64).reshape(6, 3)
    losses = uncertain_loss(torch.cat([student, log_variance], dim=1), batch(teacher, 1.0))
    centred = (teacher - teacher.mean(1, keepdim=True)) - (student - student.mean(1, keepdim=True))
    expected = (centred**2 / (1e-6 + log_variance.exp()) + log_variance).mean()
    torch.testing.assert_close(losses["loss"], expected)


@pytest.mark.parametrize("loss", [distillation_loss, smoothed_loss])
def test_the_terms_sum_to_the_loss(logits, loss):
    student, teacher = logits
    losses = loss(student, batch(teacher, 0.4))
    assert losses["label_loss"] + losses["soft_target_loss"] == losses["loss"]
    assert losses["mean_alpha"].item() == pytest.approx(0.4)


def test_a_video_without_a_label_teaches_by_its_soft_target_alone(logits):
    student, teacher = logits
    losses = distillation_loss(student, batch(teacher, 1.0, torch.full((6,), -1)))
    torch.testing.assert_close(losses["loss"], soft_target_loss(student, teacher).mean())
