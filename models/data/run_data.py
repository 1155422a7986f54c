"""A run's rows, opened once for all its trainings: the same videos, the same tokens."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from transformers import PreTrainedTokenizerFast

from common.artifacts import LEARNING
from models.data.dataset import Videos, open_clips, prepare_videos, read_catalogue
from models.data.text import learn_tokenizer, load_tokenizer
from models.settings import ModelSettings


@dataclass(frozen=True)
class RunData:
    """What every training of a run starts from: the same rows, the same tokens."""

    frame: pd.DataFrame
    videos: Videos
    tokenizer: PreTrainedTokenizerFast

    def rows(self, *splits: str) -> Videos:
        return self.videos.select(np.flatnonzero(self.frame.split.isin(splits)))


def open_run(catalogue: Path, clips: Path, settings: ModelSettings) -> RunData:
    """Open a run's rows. A vocabulary is learned from training and unlabelled rows alone."""
    store = open_clips(clips, settings)
    frame = read_catalogue(catalogue, store)
    tokenizer = run_tokenizer(frame, settings)
    videos = prepare_videos(frame, store, tokenizer, settings)
    return RunData(frame, videos, tokenizer)


def run_tokenizer(frame: pd.DataFrame, settings: ModelSettings) -> PreTrainedTokenizerFast:
    """The tokenizer that the settings name, that of the start weights, or one learned from the rows of LEARNING."""
    if settings.text.tokenizer is not None:
        return load_tokenizer(settings.text.tokenizer)
    if settings.network.start is not None:
        return load_tokenizer(settings.network.start)
    known = frame[frame.split.isin(LEARNING)]
    return learn_tokenizer([*known.title, *known.overlay_text], settings.text)
