"""Work that two steps would do at once: the second waits, as both keep their checkpoints under one name."""

import threading
import time
from pathlib import Path
from typing import ClassVar

from common.files import locked
from components.shared.launching import launch
from models.jobs.work import Work
from models.training.settings import Recipe


class Noted(Work, frozen=True):
    """Work that leaves a file."""

    module: ClassVar[str] = "models.jobs.training"

    def name(self) -> str:
        return "noted"

    def run(self) -> None:
        self.output.touch()


def test_the_same_work_is_done_by_one_at_a_time(artifacts, tmp_path, capsys):
    work = Noted(
        catalogue=artifacts / "catalogue.parquet",
        clips=artifacts / "clips.arrow",
        recipe=Recipe(classes=("a", "b")),
        seed=0,
        output=Path(tmp_path / "done"),
        checkpoints=tmp_path,
    )
    waiting = threading.Thread(target=launch, args=(work,))
    said = ""
    with locked(tmp_path / f"{work.fingerprint()}.lock"):
        waiting.start()
        while "this one waits for it" not in said:
            said += capsys.readouterr().out
            time.sleep(0.05)
        assert not work.output.exists()
    waiting.join(60)
    assert work.output.exists()
    launch(work)  # nobody holds it: nothing is said
    assert "waits" not in capsys.readouterr().out
