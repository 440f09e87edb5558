"""What a configuration file is for, by its top-level keys."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final, Literal

# The top-level keys of each kind; a test compares them with the models, which this package may not import.
KEYS_OF: Final[Mapping[str, frozenset[str]]] = {
    "bridge": frozenset({"kafka", "topics", "clouds", "instance", "shutdown_timeout", "http"}),
    "processor": frozenset({"kafka", "topics", "store", "operations", "instance", "shutdown_timeout", "http"}),
    "keeper": frozenset({"kafka", "topics", "store", "operators", "wanted", "instance", "shutdown_timeout", "http"}),
    "web": frozenset({"kafka", "topics", "store", "operators", "listen", "base_path"}),
    "operator": frozenset({"kafka", "topics", "store", "operators"}),
}
ALL_KEYS: Final = frozenset().union(*KEYS_OF.values())

Kind = Literal["bridge", "processor", "keeper", "web", "operator", "demo", "kafka"]

# The first that applies: a keeper's file and a page's file hold `operators`, too.
_KEYS_OF_ONE: Final[tuple[tuple[Kind, frozenset[str]], ...]] = (
    ("demo", frozenset({"bridge", "processor"})),
    ("keeper", frozenset({"wanted"})),
    ("web", frozenset({"listen"})),
    ("operator", frozenset({"operators"})),
    ("bridge", frozenset({"clouds"})),
    # A service's keys without those that distinguish the services: taken for a processor's file that lacks its store.
    ("processor", frozenset({"store", "operations", "instance", "shutdown_timeout", "http"})),
)

FILE_OF: Final[dict[Kind, str]] = {
    "bridge": "a bridge's file",
    "processor": "a processor's file",
    "keeper": "a keeper's file",
    "web": "a web page's file",
    "operator": "an operator's file",
    "demo": "the demo's file",
    "kafka": "a file with `kafka` and `topics` alone",
}


def kind_of_keys(keys: AbstractSet[str]) -> Kind:
    """Return the kind of a file that has these top-level keys; ``kafka`` when none of them is of another kind alone."""
    return next((kind for kind, alone in _KEYS_OF_ONE if keys & alone), "kafka")
