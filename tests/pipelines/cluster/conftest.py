"""The stand-in for Kubeflow Pipelines, if its API description is at hand."""

from pathlib import Path

import pytest
from source_code import ROOT

SCHEMAS = ROOT.parent / "shared" / "schemas"


@pytest.fixture(scope="session")
def schemas() -> Path:
    if not SCHEMAS.is_dir():
        pytest.skip(f"NO SCHEMAS AT {SCHEMAS}: what a cluster would be sent was not held against them")
    return SCHEMAS


@pytest.fixture(scope="session")
def kubeflow_description(schemas) -> Path:
    return schemas / "kfp" / "kfp_api_single_file.swagger.json"
