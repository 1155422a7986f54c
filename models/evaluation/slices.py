"""Parts of the judging rows, by what is known at upload: a model may win on the whole and lose in one of them."""

import numpy as np
import pandas as pd

THIRDS = ("short", "middle", "long")
TIMES = ("first third", "second third", "last third")


def slices_of(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """The slice (N,) of each row, by what they are cut by; what puts all rows into one slice is left out.

    Args:
        rows: video_id, published_at, title, overlay_text; thirds are of these rows.
    """
    title, overlay = (rows[name].fillna("").str.strip() for name in ("title", "overlay_text"))
    absent = [(title == "") & (overlay == ""), title == "", overlay == ""]
    found = {
        "length of the texts": _thirds(title.str.len() + overlay.str.len(), THIRDS),
        "published": _thirds(rows.published_at.astype("int64"), TIMES),
        "missing text": np.select(absent, ["both", "title", "overlay text"], "none"),
    }
    return {by: names for by, names in found.items() if len(np.unique(names)) > 1}


def _thirds(values: pd.Series, names: tuple[str, ...]) -> np.ndarray:
    cuts = np.quantile(values, [1 / 3, 2 / 3])
    return np.array(names)[np.searchsorted(cuts, values.to_numpy(), side="left")]
