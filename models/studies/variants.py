"""Which students a study compares: those of the paper's tables 3, 6 and 7, and a sceptic's rivals."""

from models.distillation import methods
from models.distillation.mappings import MAPPINGS
from models.distillation.settings import DistillationSettings
from models.studies.study import Variant, changed_method
from models.training.settings import Recipe

# The paper's table 7 has 0.5, 1 and 2; 4 is the highest that Hinton et al. 2015 found good for small students.
TEMPERATURES = (0.5, 1.0, 2.0, 4.0)
BASELINE, STEPS, PFD, CPFD, TEACHER = "baseline", "baseline, as many steps", "PFD", "CPFD", "teacher"
PRIVILEGED = Variant(name=CPFD, changes={"method": "cpfd"})
MAIN = (Variant(name=BASELINE), Variant(name=PFD, changes={"method": "pfd"}), PRIVILEGED)
RIVALS = (
    Variant(name="label smoothing", changes={"method": {"name": "label_smoothing", "alpha": 0.1}}),
    Variant(name="label smoothing, alpha 0.5", changes={"method": {"name": "label_smoothing", "alpha": 0.5}}),
    Variant(name="PFD, alpha 0.9", changes={"method": {"name": "pfd", "alpha": 0.9}}),
    Variant(name="CA-MKD", changes={"method": "ca_mkd"}),
    Variant(name="PAD", changes={"method": "pad"}),
    Variant(name="CPFD by class", changes={"method": {"name": "cpfd", "class_conditional": True}}),
    Variant(name="CPFD, labelled videos only", changes={"method": "cpfd", "unlabelled": False}),
)
# These learn from teachers of their own.
VANILLA_KD = Variant(name="vanilla KD", changes={"method": "kd"})
SELF_TRAINING = Variant(name="self-training, no privilege", changes={"method": "self_training"})
IN_SAMPLE = Variant(name="CPFD, in-sample soft targets", changes={"method": "cpfd", "folds": 1})
GENERALISED = Variant(name="generalised distillation", changes={"method": "generalised"})


# Students that see no privileged feature, not through a teacher either.
CONTROLS = (STEPS, *(each.name for each in RIVALS[:2]), VANILLA_KD.name, SELF_TRAINING.name)

# What a difference between two students says: both have as many teachers a fold, and take as many steps.
ADDED = (
    ("what the privileged features add", PFD, VANILLA_KD.name),
    ("what the privileged features add", CPFD, VANILLA_KD.name),
    ("what confidence adds", CPFD, PFD),
    ("what a teacher adds to soft labels", VANILLA_KD.name, "label smoothing"),
    ("what out-of-fold soft targets add", CPFD, IN_SAMPLE.name),
)


def other_teacher(settings: DistillationSettings) -> Variant:
    """CPFD with the kind of teacher that the task does not have."""
    kind, name = ("network", "DF-X-VLM") if settings.teacher == "boosted" else ("boosted", "a boosted teacher")
    return Variant(name=f"CPFD with {name}", changes={"method": "cpfd", "teacher": kind})


def own_cpfd(settings: DistillationSettings) -> methods.CPFD:
    """CPFD as the task would run it: its own settings if that is its method, and else what its method has too."""
    return methods.CPFD.model_validate(changed_method(settings.method, "cpfd").model_dump())


def mapping_name(mapping: str) -> str:
    """The name in a study's tables of CPFD with this mapping, where it is not the task's own."""
    return f"CPFD, {mapping.replace('_', ' ')}"


def temperature_name(temperature: float) -> str:
    """The name in a study's tables of CPFD at this temperature, where it is not the task's own."""
    return f"CPFD, T = {temperature:g}"


def mappings(settings: Recipe) -> list[Variant]:
    """The mappings other than the task's own; tanh is the negative sigmoid where constants are fitted."""
    return [
        Variant(name=mapping_name(name), changes={"method": {"name": "cpfd", "mapping": name}})
        for name in MAPPINGS
        if name not in (own_cpfd(settings.distillation).mapping.name, "tanh")
    ]


def temperatures(settings: Recipe) -> list[Variant]:
    """The temperatures other than the task's own."""
    return [
        Variant(name=temperature_name(value), changes={"method": {"name": "cpfd", "temperature": value}})
        for value in TEMPERATURES
        if value != own_cpfd(settings.distillation).temperature
    ]


def full_study(settings: Recipe) -> list[Variant]:
    """All variants that learn from the privileged teacher with all labels."""
    rivals = [each for each in RIVALS if each.settings(settings) != settings]
    if not settings.distillation.unlabelled:
        rivals = [each for each in rivals if each.name != "CPFD, labelled videos only"]
    return [*MAIN, *rivals, *mappings(settings), *temperatures(settings)]
