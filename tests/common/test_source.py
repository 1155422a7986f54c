"""Which code a step is a function of: what its component imports, however deep, and the data beside it."""

import pytest

from common.source import ROOMS, ROOT, code_digest, code_version, imported_files


def names(module: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in imported_files(module)}


def test_a_training_step_is_a_function_of_networks_losses_and_its_own_file_and_of_no_report():
    found = names("components.train_baseline")
    assert len(found) > 25
    assert {"components/train_baseline.py", "models/training/loop.py", "models/networks/xvlm.py"} <= found
    assert not [
        name for name in found if name.startswith(("reports/", "promotion/", "feature_repo/", "components/gate"))
    ]


def test_what_is_imported_of_a_package_counts_with_the_package_and_the_data_beside_it():
    assert {"reports/templates/evidence.html", "reports/templates/style.css", "reports/__init__.py"} <= names(
        "components.gate"
    )
    assert "feature_repo/feature_store.yaml" in names("components.retrieve_features")


def test_what_a_text_names_for_a_library_to_import_counts_too():
    store = {"feature_repo/asof/store.py", "feature_repo/asof/join.py", "feature_repo/provider.py"}
    assert store <= names("components.retrieve_features")
    served = {"serving/handler.py", "serving/predictor.py", "models/networks/xvlm.py"}
    assert served <= names("components.package")
    assert served <= names("components.check_parity")


def test_every_component_has_a_digest_of_its_own():
    components = [path.stem for path in (ROOT / "components").glob("*.py") if path.stem not in ("__init__", "base")]
    assert len(components) >= 21
    assert len({code_digest(f"components.{name}") for name in components}) == len(components)


def test_a_changed_file_changes_the_digest_of_those_that_import_it_alone(monkeypatch):
    before = {name: code_digest(f"components.{name}") for name in ("gate", "select_window")}
    real = type(ROOT).read_bytes

    def changed(path):
        return real(path) + (b"#" if path.name == "evidence.html" else b"")

    monkeypatch.setattr(type(ROOT), "read_bytes", changed)
    assert code_digest("components.gate") != before["gate"]
    assert code_digest("components.select_window") == before["select_window"]


def test_a_module_that_is_not_of_this_project_is_refused():
    with pytest.raises(ModuleNotFoundError, match="no module components.nothing"):
        imported_files("components.nothing")


def test_every_room_is_named():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    assert set(ROOMS) == rooms
    assert "+" in code_version()
