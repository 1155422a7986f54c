"""Who may use the desk: holders of its token, from its own pages, under a strict content security policy."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from promotion.desk.settings import DeskSettings

COOKIE = "cpfd_desk"
ENTRANCE = "/enter"
# Nothing from elsewhere, no script, and in nobody's frame.
DESK_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# A run's page has scripts of its own, and shows texts that anybody may have uploaded: it is kept apart from the desk,
# by an origin of its own, fetches nothing and reaches nothing of the desk.
EVIDENCE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
)
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


def guard(app: FastAPI, settings: DeskSettings) -> None:
    """Let no request in without the token, and none that changes something from another page."""

    @app.middleware("http")
    async def check(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path == ENTRANCE:
            response = _enter(request, settings)
        elif not _same(request.cookies.get(COOKIE, ""), settings.token):
            response = PlainTextResponse("The desk opens by the link that 'cpfd desk' printed.", 401)
        else:
            response = await go_on(request)
        for name, value in {**NO_STORE, "Content-Security-Policy": DESK_POLICY}.items():
            response.headers.setdefault(name, value)
        return response

    # Last added runs first. A page of another name that resolves to this machine is not let in (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", *settings.public_hosts])


def csrf_token(settings: DeskSettings) -> str:
    """What a form of the desk sends along, and no other page knows."""
    return hmac.new(settings.token.encode(), b"form", hashlib.sha256).hexdigest()


def require_own_form(given: str, settings: DeskSettings) -> None:
    """Raises HTTPException if a form is not of the desk as it runs now."""
    if not _same(given, csrf_token(settings)):
        raise HTTPException(403, "This form is not of the desk as it runs now: open the page again.")


def who(request: Request, settings: DeskSettings) -> str | None:
    """The name that the company's proxy vouches for; None where the desk asks for it.

    Raises:
        HTTPException: the header is trusted, and missing.
    """
    if settings.name_header is None:
        return None
    name = request.headers.get(settings.name_header, "").strip()
    if not name:
        raise HTTPException(401, f"The proxy sent no {settings.name_header}: nobody is known to decide.")
    return name


def _enter(request: Request, settings: DeskSettings) -> Response:
    if not _same(request.query_params.get("token", ""), settings.token):
        return PlainTextResponse("This link is of another desk: take the one that 'cpfd desk' printed last.", 401)
    # A page of the desk goes on, not a redirect: browsers send no strict cookie where another page led here.
    response = HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0; url=/"><a href="/">Review desk</a>')
    response.set_cookie(COOKIE, settings.token, httponly=True, samesite="strict")
    return response


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
