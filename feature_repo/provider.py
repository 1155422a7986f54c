"""The Feast provider of this repository: ``feast apply`` refuses what would make privileged features servable."""

from collections.abc import Iterable, Sequence
from typing import Any

from feast.base_feature_view import BaseFeatureView
from feast.infra.passthrough_provider import PassthroughProvider

from common.errors import UserError


class PrivilegedViewOnline(UserError):  # noqa: N818 - what is wrong with the view
    """A privileged feature view was to be applied with an online store. The message names it and the way out."""


class PrivilegedProvider(PassthroughProvider):
    """Feast's own provider, but a view is refused if it is online and not tagged ``privileged: "false"``.

    Feast asks before it commits a registry file, which a refused apply leaves as it was. A SQL registry takes views
    one by one before that: so the repository's own views are checked where they are defined and opened, too.
    """

    def update_infra(
        self, project: str, tables_to_delete: Sequence[Any], tables_to_keep: Sequence[Any], *rest: Any, **named: Any
    ) -> None:
        refuse_online(tables_to_keep)
        super().update_infra(project, tables_to_delete, tables_to_keep, *rest, **named)


def refuse_online(views: Iterable[BaseFeatureView]) -> None:
    """Raise PrivilegedViewOnline if one of the views could be served."""
    for view in views:
        served = getattr(view, "online", False) or getattr(view, "write_to_online_store", False)
        if served and view.tags.get("privileged") != "false":
            raise PrivilegedViewOnline(
                f"the feature view {view.name} is privileged and online: privileged features exist for training only, "
                'so set online=False, or tag it privileged: "false" if it is known when a video is uploaded'
            )
