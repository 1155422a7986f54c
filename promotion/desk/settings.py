"""How a desk is run."""

import secrets

from pydantic import BaseModel, Field

TOKEN_BYTES = 32  # 256 bits: nobody guesses it


class DeskSettings(BaseModel, frozen=True, extra="forbid"):
    """``name_header`` is the header in which a company's proxy names who decides; trusted only if it is given.

    ``public_hosts`` are the names under which such a proxy is reached; ``name`` is what a form proposes without one.
    """

    token: str = Field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES), min_length=20)
    name: str = ""
    name_header: str | None = None
    public_hosts: tuple[str, ...] = ()
