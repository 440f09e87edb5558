"""Parts that are installed by extras, and the words for when one is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from console.exits import USAGE, Failure

Extra = Literal["bridge", "processor", "all"]

# The modules of our own: when one of these can't be imported, that is a fault of the program, not a missing extra.
_OUR_OWN: Final = frozenset({"precache", "bridge", "processor", "console"})


@contextmanager
def extra(name: Extra) -> Iterator[None]:
    """Import in here what an extra brings.

    Raises:
        Failure: the extra is not installed; with the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        root = (error.name or "").partition(".")[0]
        if not root or root in _OUR_OWN:
            raise
        raise Failure(
            f"{root} is not installed: this needs the extra [{name}].\nTry: pip install 'nova-precache[{name}]'", USAGE
        ) from error
