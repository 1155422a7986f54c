"""'cpfd convert': two forms of one command, and what is neither."""

import subprocess
import sys
from pathlib import Path

import pytest
from published_models import publish
from typer.testing import CliRunner

from common.errors import UserError
from models.starts.weights import open_start
from pipelines.cli.main import app

BOTH = "is for an official X-VLM and .* for Hugging Face models: give one or the other"
OFFICIAL = ["w.th", "--vision-config", "v.json", "--text-config", "t.json", "--tokenizer", "words"]


def convert(*arguments: str, output: Path) -> str:
    done = CliRunner().invoke(app, ["convert", *arguments, "-o", str(output)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(("arguments", "sentence"), [
    ([], "WEIGHTS, --vision-config, --text-config, --tokenizer missing: give WEIGHTS with .* or --text and --vision"),
    (OFFICIAL[:5], "--tokenizer missing"),
    (OFFICIAL[1:], "WEIGHTS missing"),
    ([*OFFICIAL, "--text", "bert"], f"WEIGHTS {BOTH}"),
    (["w.th", "--vision", "vit"], f"WEIGHTS {BOTH}"),
    (["--text", "bert", "--tokenizer", "words"], f"--tokenizer {BOTH}"),
    (["--vision", "vit"], "--vision needs --text too"),
    (["--text", "none"], "there is no Hugging Face model in none"),
    (OFFICIAL, "there are no official weights at w.th"),
])  # fmt: skip
def test_a_mixture_of_the_forms_and_half_a_form_are_refused_in_a_sentence(tmp_path, arguments, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        convert(*arguments, output=tmp_path / "start")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "start").exists()


def test_two_models_become_a_start_that_says_what_became_of_them(tmp_path):
    vision, text = publish("ViTForImageClassification", tmp_path / "vit"), publish("BertForMaskedLM", tmp_path / "bert")
    written = convert("--vision", str(vision), "--text", str(text), output=tmp_path / "start")
    for words in ("tensors loaded", "not in the start and new", "dropped", "normalised as CLIP's", "network.start"):
        assert words in " ".join(written.split())
    assert open_start(tmp_path / "start")[0].vision["tower"] == "vit"


def test_a_text_model_alone_is_a_start_without_frames_and_nothing_else_is_printed(tmp_path):
    text = publish("RobertaForMaskedLM", tmp_path / "roberta")
    command = [
        sys.executable,
        "-m",
        "pipelines.cli.main",
        "convert",
        "--text",
        str(text),
        "-o",
        str(tmp_path / "start"),
    ]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stderr == ""
    assert not open_start(tmp_path / "start")[0].reads_frames
