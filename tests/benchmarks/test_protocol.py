"""The protocol behind the evidence: which labels judge, and what a seed draws."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from source_code import ROOT

from benchmarks.evidence import DATA
from benchmarks.evidence_page import CLAIMS, TRUE_LABELS, Data, page
from benchmarks.evidence_rows import judged_by, labelled_window, make_corpus, window_of
from benchmarks.real_data.preparing import PREPARATIONS
from corpus.contract import LABELS, CorpusError, read_manifest, read_table
from corpus.importing.mapping import read_mapping
from models.evaluation.peers import LINEAR, RAW, STACKED
from models.studies.study import score_rows
from models.studies.variants import BASELINE, CPFD, PFD, TEACHER, VANILLA_KD
from pipelines.task import load_task

DAY = datetime(2026, 6, 1, tzinfo=UTC)
REAL = ROOT.parent / "shared" / "data"


def corpus_with_labels(folder, labels: dict[str, str]):
    (folder / "labels").mkdir(parents=True)
    rows = [{"video_id": v, "task": "better", "label": c, "labeled_at": DAY, "source": "x"} for v, c in labels.items()]
    pd.DataFrame(rows).to_parquet(folder / "labels" / "labels.parquet")
    return folder


@pytest.fixture
def rows() -> pd.DataFrame:
    split = ["train", "tuning", "evaluation", "evaluation", "unlabelled"]
    return pd.DataFrame({"video_id": list("abcde"), "label": ["no", "no", "no", "yes", None], "split": split})


def test_better_labels_judge_and_teach_nothing(rows, tmp_path):
    corpus = corpus_with_labels(tmp_path / "corpus", dict.fromkeys("abcde", "yes"))
    judged = judged_by(rows, corpus, "better", datetime(2026, 7, 1, tzinfo=UTC))
    assert judged.label.tolist() == ["no", "no", "yes", "yes", None]
    assert rows.label.tolist() == ["no", "no", "no", "yes", None]


def test_an_evaluation_row_that_nobody_can_judge_is_refused(rows, tmp_path):
    corpus = corpus_with_labels(tmp_path / "corpus", {"c": "yes"})
    with pytest.raises(CorpusError, match="1 evaluation rows have no label of better"):
        judged_by(rows, corpus, "better", datetime(2026, 7, 1, tzinfo=UTC))


def test_every_entry_has_a_name_of_its_own_a_task_and_a_mapping_with_its_labels():
    assert len({data.name for data in DATA}) == len(DATA) >= 8
    assert Data("fight", labels=0.5, judged_by="better").name == "fight, labels on 50%, judged by better"
    for data in DATA:
        task = load_task(data.task)
        if data.mapping is not None:
            labels = {each.task for each in read_mapping(ROOT / "examples" / data.mapping).labels}
            assert {task.labels, data.judged_by or task.labels} <= labels
            assert (ROOT / "examples" / data.mapping).stem == data.source
    assert set(PREPARATIONS) <= {data.source for data in DATA}


NOISE = {TEACHER: 0.0, CPFD: 0.6, TRUE_LABELS: 0.3} | dict.fromkeys(
    (BASELINE, PFD, VANILLA_KD.name, *RAW, LINEAR, STACKED), 50.0
)


def scores_by(rng, noise: dict[str, float]) -> pd.DataFrame:
    """Three seeds of models that see the label with that much noise."""
    labels, judging = rng.integers(0, 2, 400), np.arange(400) >= 200
    frame = pd.DataFrame({"video_id": [f"v{row}" for row in range(400)], "label": [str(label) for label in labels]})
    frame["split"] = np.where(judging, "evaluation", "tuning")
    tables = []
    for seed in range(3):
        for name, spread in noise.items():
            second = 1 / (1 + np.exp(-(labels * 2.0 - 1 + spread * rng.normal(size=400))))
            tables.append(score_rows(frame, np.column_stack([1 - second, second]), ("0", "1"), name, seed))
    return pd.concat(tables)


def test_a_task_without_texts_lacks_their_peers(rng):
    (data,) = (data for data in DATA if data.task == "fight")
    peers = (*RAW, LINEAR, STACKED)
    said = page({data: scores_by(rng, {name: noise for name, noise in NOISE.items() if name not in peers})})
    claims = said.split("## What is claimed")[1].split("##")[0]
    row = next(line for line in claims.splitlines() if line.startswith("| fight"))
    assert row.count("none of these") == 3
    assert "nan" not in claims


def test_the_page_says_who_beats_whom_by_the_tasks_own_measure(rng):
    """Captions, judged by MCC: a student that is all but right, a teacher that is right, and everybody else guesses."""
    (data,) = (data for data in DATA if data.source == "caption_votes")
    said = page({data: scores_by(rng, NOISE)})
    (row,) = (line for line in said.splitlines() if line.startswith(f"| {data.name} (real), MCC |"))
    cells = [float(cell.split("±")[0]) for cell in row.split("|")[2:-1]]
    titles = [title for title, *_ in CLAIMS]
    assert dict(zip(titles, cells, strict=True))["CPFD less the best raw-only peer"] > 0.5
    assert dict(zip(titles, cells, strict=True))["PFD less vanilla KD"] < 0.3
    assert "| 3 | MCC |" in said
    (short,) = (line for line in said.splitlines() if "| 3 | MCC |" in line)
    closed, known = (float(cell.split("%")[0]) for cell in short.split("|")[-3:-1])
    assert 50 < closed < known <= 100
    assert "Medians over the tasks whose gap is certain: the judged measure" in said


def test_prepared_data_is_a_corpus_a_seed(tmp_path, monkeypatch):
    """Captions: judged by all votes where they evaluate, learned from six elsewhere."""
    if not (REAL / "caption_votes").is_dir():
        pytest.skip(f"the data is not at {REAL / 'caption_votes'}")
    monkeypatch.setattr("benchmarks.evidence_rows.KEPT", tmp_path)
    (data,) = (data for data in DATA if data.source == "caption_votes")
    corpora = [make_corpus(data, REAL, seed) for seed in (0, 1)]
    assert corpora[0] != corpora[1]
    assert make_corpus(data, REAL, 0) == corpora[0]
    task, rows = window_of(data, corpora[0], 0)
    labels = read_table(corpora[0] / "labels", LABELS).to_pandas()
    known = labels.pivot(index="video_id", columns="task", values="label").loc[rows.video_id].reset_index()
    judging, learning = rows.split == "evaluation", rows.split.isin(["train", "tuning"])
    assert (rows.label == known.top_caption_all_votes)[judging].all()
    assert (rows.label == known.top_caption)[learning].all()
    assert (known.top_caption != known.top_caption_all_votes)[judging].mean() == pytest.approx(0.25, abs=0.02)
    counts = rows.split.value_counts()
    assert (counts["evaluation"], counts["train"]) == (11_457, pytest.approx(5_041, abs=2))
    assert set(task.features) == set(read_manifest(corpora[0]).dense)
    _, whole = labelled_window(data, corpora[0], 0, ("train", "evaluation"))
    assert list(whole.video_id) == list(rows.video_id)
    true = (whole.label == known.top_caption_all_votes) & (whole.split == "train")
    assert (true == rows.split.isin(["train", "unlabelled"])).all()
