"""What is searched of a task, and that what is chosen becomes the settings that a task file would give."""

import pytest
from pydantic import ValidationError

from models.distillation.mappings import MAPPINGS
from models.distillation.methods import METHODS
from models.studies.search_space import SETTINGS, TRUSTING, Kinds, search_space, tried, with_values
from models.training.settings import Recipe
from pipelines.task import load_task, task_files


def with_distillation(recipe: Recipe, **distillation) -> Recipe:
    return Recipe.model_validate(
        with_values(recipe.model_dump(), {f"distillation.{k}": v for k, v in distillation.items()})
    )


def searched(recipe: Recipe) -> dict:
    return {each.path: each for each in search_space(recipe)}


@pytest.mark.parametrize("name", list(task_files()))
def test_the_tasks_own_settings_are_in_the_space_and_come_out_as_they_are(name):
    recipe = load_task(name).recipe
    space = search_space(recipe)
    for each in space:
        if not isinstance(each.among, Kinds):
            assert each.among.low <= each.own <= each.among.high, each.path
    chosen = tried(recipe, {each.path: each.written(each.own) for each in space})
    assert chosen.wide == recipe.wide
    assert {**chosen.model_dump(), "network": None} == {**recipe.model_dump(), "network": None}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_searched_over_what_it_has(recipe, method):
    own = with_distillation(recipe, method=method)
    space = searched(own)
    fields = set(type(own.distillation.method).model_fields)
    for name in ("temperature", "alpha", "mapping"):
        assert (f"distillation.method.{name}" in space) == (name in fields)
    assert {"training.learning_rate", "training.epochs", "network.dropout"} <= set(space)


def test_every_line_of_the_table_is_searched_in_some_task(recipe):
    recipes = [with_distillation(recipe, method=method) for method in METHODS]
    recipes.append(with_distillation(recipe, student_epochs=4))
    assert {path for each in recipes for path in searched(each)} == {each.path for each in SETTINGS}


def test_the_students_own_epochs_are_searched_in_place_of_all(recipe):
    space = searched(with_distillation(recipe, student_epochs=4))
    assert "training.epochs" not in space
    epochs = space["distillation.student_epochs"]
    assert (epochs.own, epochs.among.low, epochs.among.high) == (4, 2, 8)


def test_a_mapping_is_chosen_whole_and_keeps_what_both_can_be_given(recipe):
    method = {"name": "cpfd", "mapping": {"name": "threshold", "threshold": 0.5, "alpha_min": 0.2}}
    own = with_distillation(recipe, method=method)
    mapping = searched(own)["distillation.method.mapping"]
    names = set(MAPPINGS) - {"tanh"}
    trusting = {f"{name}, {TRUSTING}" for name in names - {"negative_sigmoid"}}  # a sigmoid has no bounds
    assert set(mapping.among.values) == names | trusting
    assert mapping.own == "threshold"
    for name in mapping.among.values:
        chosen = tried(own, {mapping.path: mapping.written(name)}).distillation.method.mapping
        assert chosen.name == name.partition(",")[0]
        assert getattr(chosen, "alpha_min", 0.2) == (0.5 if name in trusting else 0.2)
    assert tried(own, {mapping.path: mapping.written("threshold")}) == own


def test_a_drawn_number_is_rounded_and_the_tasks_own_is_not(recipe):
    rate = recipe.training.model_copy(update={"learning_rate": 0.00123456})
    setting = searched(recipe.model_copy(update={"training": rate}))["training.learning_rate"]
    assert setting.written(0.00123456) == 0.00123456
    assert setting.written(0.00234567) == 0.00235
    assert setting.written(setting.among.high * 0.9999999) <= setting.among.high


def test_no_value_of_a_range_is_refused(recipe):
    for method in METHODS:
        own = with_distillation(recipe, method=method)
        for each in search_space(own):
            for drawn in [each.among.low, each.among.high] if not isinstance(each.among, Kinds) else each.among.values:
                tried(own, {each.path: each.written(drawn)})
    with pytest.raises(ValidationError):
        tried(recipe, {"network.dropuot": 0.1})


def test_values_of_a_kind_that_a_file_gives_by_its_name_alone_stand_beside_the_name():
    given = {"distillation": {"method": "kd"}, "training": None}
    changed = with_values(given, {"distillation.method.alpha": 0.3, "training.epochs": 4})
    assert changed == {"distillation": {"method": {"name": "kd", "alpha": 0.3}}, "training": {"epochs": 4}}
    assert given == {"distillation": {"method": "kd"}, "training": None}
