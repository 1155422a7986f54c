"""How a desk is run."""

from pydantic import BaseModel, Field


class DeskSettings(BaseModel, frozen=True, extra="forbid"):
    """``token`` lets its holders in. ``name_header`` is the header in which a company's proxy names who decides.

    It is trusted only if it is given. ``public_hosts`` are the names under which such a proxy is reached; ``name`` is
    what a form proposes without one.
    """

    token: str = Field(min_length=32)  # 24 random bytes in base 64: nobody guesses them
    name: str = ""
    name_header: str | None = None
    public_hosts: tuple[str, ...] = ()
