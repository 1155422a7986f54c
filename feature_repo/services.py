"""One feature service a task: the privileged features that its teacher may see. A new task adds its line here."""

from feast import FeatureService, FeatureView

TASK_VIEWS = {
    "harmful_content": ["engagement", "reports", "upstream_scores"],
    "low_quality": ["engagement", "reports", "upstream_scores"],
    "topic": ["engagement", "upstream_scores"],
    "fight": ["motion"],
    "trending_category": ["chart"],
    "leak_canary": ["canary"],  # no task: what a retrieval that leaks would turn into the label
}


def feature_services(views: dict[str, FeatureView]) -> dict[str, FeatureService]:
    """All services by task."""
    return {
        task: FeatureService(name=task, features=[views[name] for name in names], tags={"privileged": "true"})
        for task, names in TASK_VIEWS.items()
    }
