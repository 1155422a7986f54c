"""Parts of the judging rows: a model may win on the whole and lose in one of them."""

import unicodedata
from collections import Counter

import numpy as np
import pandas as pd

THIRDS = ("short", "middle", "long")
AT_UPLOAD = ("missing text", "script")  # of these, what is known then and no third of whatever rows there are
TIMES = ("first third", "second third", "last third")


def slices_of(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """The slice (N,) of each row, by what they are cut by; what puts all rows into one slice is left out.

    Args:
        rows: video_id, published_at, title, overlay_text, label_source; thirds are of these rows.
    """
    title, overlay = (rows[name].fillna("").str.strip() for name in ("title", "overlay_text"))
    absent = [(title == "") & (overlay == ""), title == "", overlay == ""]
    found = {
        "length of the texts": _thirds(title.str.len() + overlay.str.len(), THIRDS),
        "published": _thirds(rows.published_at.astype("int64"), TIMES),
        "script": np.array([script_of(text) for text in title + " " + overlay]),
        "source of the label": rows.label_source.fillna("unknown").to_numpy(str),
        "missing text": np.select(absent, ["both", "title", "overlay text"], "none"),
    }
    return {by: names for by, names in found.items() if len(np.unique(names)) > 1}


def script_of(text: str) -> str:
    """The script of most letters, as Unicode names it ("latin", "cjk"): what tells languages apart without a model."""
    scripts = Counter(unicodedata.name(letter, "other").split()[0] for letter in text if letter.isalpha())
    return scripts.most_common(1)[0][0].lower() if scripts else "no letters"


def _thirds(values: pd.Series, names: tuple[str, ...]) -> np.ndarray:
    cuts = np.quantile(values, [1 / 3, 2 / 3])
    return np.array(names)[np.searchsorted(cuts, values.to_numpy(), side="left")]
