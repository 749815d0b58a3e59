"""What may be said of an error that is none of ours: its text may hold anything, a secret too."""

import logging
import traceback

logger = logging.getLogger(__name__)


def describe_unexpected(error: Exception, ended: str, level: int = logging.ERROR) -> str:
    """Return a sentence that names the kind of an error; where it came from goes to the log, in files and lines alone.

    :param ended: what it put an end to.
    :param level: of the line in the log.
    """
    kind = type(error).__name__
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.log(level, "%s was ended by an unexpected %s; the latest call comes last:\n%s", ended, kind, frames)
    return (
        f"{ended} was ended by an unexpected {kind}. Its text may hold a secret and is not shown; the log of this "
        "process says where it came from."
    )
