"""The base class of a user's mistake: what is reported in one sentence, without a traceback."""


class UserError(Exception):
    """Something that a user can mend. The message is one sentence that names the thing and the way out.

    Every error of a room that a user can cause is a subclass; anything else that is raised is a fault of the program.
    """


class BusyError(UserError):
    """Another process holds what is asked for; the same call may succeed later."""
