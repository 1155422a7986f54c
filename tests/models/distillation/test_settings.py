"""Settings of a distillation: a method's and a mapping's own, written and read back."""

import itertools
import subprocess
import sys

import pytest
from pydantic import ValidationError

from models.distillation.mappings import MAPPINGS, Threshold
from models.distillation.methods import CPFD, METHODS, PFD
from models.distillation.settings import DistillationSettings
from models.studies.study import changed_method
from models.training.settings import Recipe

CHOICES = [
    *({"name": name} for name in METHODS),
    *({"name": "cpfd", "mapping": {"name": name}} for name in MAPPINGS),
    {"name": "cpfd", "temperature": 2.0, "class_conditional": True, "mapping": {"name": "threshold", "threshold": 0.5}},
    {"name": "pad", "alpha": 0.25},
]


def test_the_papers_method_is_the_default():
    own = DistillationSettings().method
    assert own == CPFD()
    assert (own.temperature, own.mapping.name, own.mapping.alpha_min, own.mapping.alpha_max) == (
        1.0, "exponential_decay", 0.1, 0.5,
    )  # fmt: skip
    assert PFD().alpha == 0.5


@pytest.mark.parametrize("method", CHOICES)
def test_what_is_written_is_read_back_the_same(method):
    recipe = Recipe(classes=("a", "b"), distillation={"method": method})
    assert type(recipe.distillation.method) is METHODS[method["name"]]
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize("name", METHODS)
def test_a_name_alone_is_the_method_with_its_defaults(name):
    assert DistillationSettings(method=name).method == METHODS[name]()


@pytest.mark.parametrize(
    "wrong",
    [
        "cpf", {"alpha": 0.5}, {"name": "pfd", "alpha": 1.2}, {"name": "cpfd", "temperature": 0.0},
        # Another method's settings.
        {"name": "cpfd", "alpha": 0.5}, {"name": "pfd", "mapping": "tanh"}, {"name": "pad", "temperature": 2.0},
        {"name": "label_smoothing", "temperature": 2.0}, {"name": "ca_mkd", "class_conditional": True},
    ],
)  # fmt: skip
def test_settings_out_of_range_or_of_another_method_are_refused(wrong):
    with pytest.raises(ValidationError):
        DistillationSettings(method=wrong)


def test_another_method_keeps_what_both_can_be_given():
    own = CPFD(temperature=2.0, mapping=Threshold(alpha_min=0.2, threshold=0.4))
    assert changed_method(own, "pfd") == PFD(temperature=2.0)
    assert changed_method(PFD(temperature=2.0, alpha=0.3), {"name": "pad"}).alpha == 0.3
    decay = changed_method(own, {"name": "cpfd", "mapping": "exponential_decay"})
    assert (decay.temperature, decay.mapping.name, decay.mapping.alpha_min) == (2.0, "exponential_decay", 0.2)
    assert changed_method(CPFD(), {"name": "cpfd", "mapping": "threshold"}).mapping == Threshold()  # defaults differ
    assert changed_method(own, {"temperature": 4.0}) == CPFD(temperature=4.0, mapping=own.mapping)
    for first, second in itertools.product(METHODS, repeat=2):
        assert changed_method(METHODS[first](), second) == METHODS[second]()


def test_reading_settings_does_not_wait_for_torch():
    code = "import sys, models.training.settings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "models.distillation.methods" in loaded
    assert not {"torch", "transformers", "scipy", "pyarrow", "pandas", "sklearn"} & loaded
