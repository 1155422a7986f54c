"""Invariants of the source itself: no chance or time but what is given, and data that never runs code."""

import ast

import pytest
from source_code import ROOT, outside_sources, python_files

# 6. A run is a function of settings, window, data, seed and code: training twice is in models/training/test_loop.py,
#    training that was killed in models/training/test_jobs.py, the five on the model version in e2e/test_main_job.py.
#    Here: no step knows another source of chance or time.


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import time\ntime()",
        "import time as t\nt.time_ns()",
        "from os import environ\nenviron['HOME']",
        "import os\nos.environ.get('HOME')",
        "import os\nos.getenv('HOME')",
        "import random\nrandom.random()",
        "from random import shuffle\nshuffle([])",
        "import numpy as np\nnp.random.rand(3)",
        "import numpy as np\nnp.random.seed(0)",
        "import numpy as np\nnp.random.default_rng()",
        "from numpy.random import default_rng\ndefault_rng()",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.date.today()",
        "import pandas as pd\npd.Timestamp.now()",
        "import uuid\nuuid.uuid4()",
        "import secrets\nsecrets.token_hex()",
    ],
)
def test_6_the_check_sees_every_way_to_ask(source):
    assert outside_sources(source)


def test_6_the_check_leaves_durations_and_seeded_chance_alone():
    source = "import time\nimport numpy as np\nrandom = np.random.default_rng(3)\nrandom.normal()\ntime.monotonic()"
    assert outside_sources(source) == []


def test_6_no_room_below_the_command_line_asks_for_the_time_or_the_environment():
    rooms = ("common", "models", "corpus", "feature_repo", "serving", "promotion", "reports", "components")
    asked = {
        (str(path.relative_to(ROOT)), name)
        for path in python_files(*rooms, least=136)
        for _, name in outside_sources(path.read_text())
    }
    # A server's process inherits its caller's environment; MLflow is told to send no telemetry before it is imported.
    # Feast's own command has no argument for the corpus. Which pods a training gets is no part of what it is a function
    # of, and so no argument of a step. When something was decided is what a ledger keeps.
    assert asked == {
        ("serving/server.py", "os.environ"), ("serving/server.py", "os.environ.get"),
        ("promotion/tracking.py", "os.environ"), ("promotion/tracking.py", "os.environ.setdefault"),
        ("feature_repo/definitions.py", "os.environ"), ("feature_repo/definitions.py", "os.environ.get"),
        ("components/shared/launching.py", "os.environ"), ("components/shared/launching.py", "os.environ.get"),
        ("models/jobs/work.py", "os.environ"),  # handed on to torchrun
        ("promotion/ledger/outbox.py", "datetime.datetime.now"),
        ("promotion/ledger/store.py", "datetime.datetime.now"),
    }  # fmt: skip


# 7. Data never runs code.


def test_7_nothing_is_loaded_or_saved_by_a_way_that_runs_code():
    forbidden = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    rooms = ("common", "models", "corpus", "feature_repo", "serving", "promotion", "reports", "components", "pipelines")
    files = python_files(*rooms, least=166)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                named = {alias.name for alias in node.names}
                names = [node.module or ""] if named != {"UnpicklingError"} else []  # an exception runs nothing
            assert not forbidden & {name.split(".")[0] for name in names}, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == "torch.load":  # reads tensors and refuses objects
                    assert "weights_only=True" in {ast.unparse(each) for each in node.keywords}, path
                    continue
                assert called not in {
                    "torch.save",
                    "np.load",
                    "pd.read_pickle",
                    "yaml.load",
                    "eval",
                    "exec",
                }, path
