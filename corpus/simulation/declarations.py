"""What the simulations declare of their dense tables. Both simulate the same ones."""

from common.dense_table import DenseTable, Feature

COUNT = Feature(minimum=0)
SHARE = Feature(minimum=0, maximum=1)

DENSE = {
    "engagement": DenseTable(
        description="Cumulative counts of what viewers did, hours after publication",
        owner="engagement-data",
        features={"views": COUNT, "likes": COUNT, "shares": COUNT, "watched_share": SHARE},
    ),
    "reports": DenseTable(
        description="Cumulative counts of user reports",
        owner="trust-and-safety",
        features={"reports": COUNT, "reporters": COUNT},
    ),
    "upstream_scores": DenseTable(
        description="Scores of older models, too dear to compute at upload",
        owner="content-understanding",
        features={
            "safety_score": SHARE,
            "quality_score": SHARE,
            "topic_scores": Feature(type="vector", minimum=0, maximum=1),
        },
    ),
    "canary": DenseTable(
        description="Simulated: the label of low_quality, but only as written after it. "
        "Worth nothing unless retrieval leaks",
        owner="trust-and-safety",
        features={"canary": SHARE},
    ),
}
