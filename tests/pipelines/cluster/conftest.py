"""The stand-in for Kubeflow Pipelines, if its API description is at hand."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def kubeflow_description(schemas) -> Path:
    return schemas / "kfp" / "kfp_api_single_file.swagger.json"
