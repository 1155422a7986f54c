"""'cpfd notify' as a cron job runs it, and that a notification that fails stops no decision."""

import os
import subprocess

import pytest
from processes import CPFD, free_port

SETTINGS = """
webhooks:
  - {{url: "http://127.0.0.1:{port}/", secret_in: HOOK}}
"""


@pytest.fixture
def cpfd(tmp_path):
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "CPFD_WORKSPACE": str(tmp_path), "HOOK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
        command = [CPFD, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return ask


def test_without_settings_it_says_where_they_belong(cpfd, tmp_path):
    done = cpfd("notify")
    assert done.returncode == 1
    assert f"there is no {tmp_path / 'notifications.yaml'}" in done.stderr


def test_who_cannot_be_told_is_named_and_waits(cpfd, tmp_path):
    (tmp_path / "notifications.yaml").write_text(SETTINGS.format(port=(port := free_port())))
    done = cpfd("notify", "--test")
    assert done.returncode == 1
    assert f"http://127.0.0.1:{port}/ was not told" in done.stdout
    assert "tried again in 5 s or later" in done.stdout
    assert "0 sent" in done.stdout
    again = cpfd("notify")  # it is not its time yet
    assert (again.returncode, again.stdout.strip()) == (0, "0 sent")


def test_a_mistake_in_the_settings_is_told_with_its_line(cpfd, tmp_path):
    (tmp_path / "notifications.yaml").write_text("webhooks:\n  - {url: 'https://example.org', secret: x}\n")
    done = cpfd("notify")
    assert done.returncode == 1
    assert "notifications.yaml, line 2: webhooks.0.secret: unknown key" in done.stderr
