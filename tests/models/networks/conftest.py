"""The paper's X-VLM, whose layers these tests are about: without a wide path, which test_wide.py is about."""

import pytest

from models.training.settings import Recipe


@pytest.fixture(scope="session")
def recipe(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"network": recipe.network.model_copy(update={"wide": None})})
