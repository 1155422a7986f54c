"""Columns and names that artifacts have in common: what one component writes and another reads."""

# The catalogue: a row a video of the window.
CATALOGUE_COLUMNS = [
    "video_id", "published_at", "title", "overlay_text", "group_id", "media_uri", "label", "label_source", "as_of",
    "split", "fold",
]  # fmt: skip
RAW_COLUMNS = ["video_id", "title", "overlay_text", "label", "split", "fold"]

# Its splits. Tuning rows choose thresholds and stop trainings; evaluation rows judge, and nothing else.
TRAIN, TUNING, EVALUATION = "train", "tuning", "evaluation"
UNLABELLED = "unlabelled"  # a student may learn from its soft target
HELD_OUT = "held_out"  # without a label, of a group that judges: trains nothing
LABELLED = (TRAIN, TUNING, EVALUATION)
LEARNING = (TRAIN, UNLABELLED)
JUDGING = (TUNING, EVALUATION)

# The scores of the judging rows: columns that cut them into slices begin so.
SLICE = "slice: "

# The privileged artifact: a folder of Parquet files.
FEATURES_FILE = "_features.json"  # each feature's view and range
RETRIEVAL_FILE = "_retrieval.json"  # which parts there are, and of what

# A network's folder.
WEIGHTS = "model.safetensors"
HISTORY_FILE = "history.json"
COST_FILE = "cost.json"
CONSTANTS_FILE = "distillation.json"
ALPHAS_FILE = "alphas.parquet"
