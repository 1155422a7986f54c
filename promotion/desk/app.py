"""The desk's pages: what waits, the evidence of it, and the forms that decide."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from common.errors import UserError
from promotion.desk.access import EVIDENCE_POLICY, csrf_token, guard, require_own_form, who
from promotion.desk.settings import DeskSettings
from promotion.desk.views import all_views, task_view
from promotion.ledger.entries import LONGEST_NAME, LONGEST_REASON
from promotion.ledger.store import read_ledger
from promotion.review import Office, approve, fetch_page_of, reject, rollback

TEMPLATES = Path(__file__).parent / "templates"
DECISIONS = ("approve", "reject", "rollback")
REPORT = "report.html"
Name = Annotated[str, Form(max_length=LONGEST_NAME)]
Reason = Annotated[str, Form(max_length=LONGEST_REASON)]
Short = Annotated[str, Form(max_length=100)]  # versions and tokens


def create_desk(
    office: Office, settings: DeskSettings, reviews: Path, after: Callable[[], None] = lambda: None
) -> FastAPI:
    """The desk as an application.

    Args:
        reviews: a folder to keep downloaded evidence in.
        after: what is done after a decision, while the reviewer goes on.
    """
    app = FastAPI(title="cpfd desk", docs_url=None, redoc_url=None, openapi_url=None)
    guard(app, settings)
    desk = Desk(office, settings, reviews, after)
    app.get("/desk.css")(lambda: FileResponse(TEMPLATES / "desk.css", media_type="text/css"))
    app.get("/")(desk.home)
    app.get("/tasks/{task}")(desk.task)
    app.get("/evidence/{task}/{version}")(desk.evidence)
    app.post("/tasks/{task}/{decision}")(desk.decide)
    app.exception_handler(UserError)(lambda _, error: refused(404, str(error)))
    app.exception_handler(HTTPException)(lambda _, error: refused(error.status_code, error.detail))
    return app


@dataclass(frozen=True)
class Desk:
    """The pages, over an office. What a reviewer does goes through promotion.review, as the commands do."""

    office: Office
    settings: DeskSettings
    reviews: Path
    after: Callable[[], None]

    def home(self) -> Response:
        return page("home.html", views=all_views(read_ledger(self.office.ledger_uri)))

    def task(self, request: Request, task: str) -> Response:
        return self._task_page(request, task)

    def evidence(self, task: str, version: str) -> Response:
        folder = fetch_page_of(self.office.tracking_uri, task, version, self.reviews)
        return FileResponse(folder / REPORT, headers={"Content-Security-Policy": EVIDENCE_POLICY})

    def decide(
        self,
        request: Request,
        task: str,
        decision: str,
        csrf: Short,
        reason: Reason = "",
        version: Short = "",
        name: Name = "",
    ) -> Response:
        require_own_form(csrf, self.settings)
        if decision not in DECISIONS:
            raise HTTPException(404, f"Nobody can {decision} a version.")
        by = who(request, self.settings) or name
        try:
            if not by.strip() or not reason.strip():
                raise UserError("a decision needs a name and a reason")
            if decision == "rollback":
                rollback(self.office, task, by, reason, to=version)
            else:
                (approve if decision == "approve" else reject)(self.office, task, version, by, reason)
        except UserError as error:  # nothing was decided, and what was typed is not lost
            return self._task_page(request, task, 409, error=str(error), reason=reason, name=name)
        return RedirectResponse(f"/tasks/{task}", 303, background=BackgroundTask(self.after))

    def _task_page(self, request: Request, task: str, status: int = 200, **typed: str) -> Response:
        view = task_view(read_ledger(self.office.ledger_uri), task)
        if view is None:
            raise HTTPException(404, f"The ledger knows no task {task}.")
        return page(
            "task.html",
            status,
            view=view,
            known_as=who(request, self.settings),
            csrf=csrf_token(self.settings),
            longest_name=LONGEST_NAME,
            longest_reason=LONGEST_REASON,
            **{"error": "", "reason": "", "name": self.settings.name, **typed},
        )


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page with all text escaped and nothing left undefined."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return HTMLResponse(environment.get_template(template).render(values), status)


def refused(status: int, sentence: str) -> Response:
    return page("refused.html", status, sentence=sentence)
