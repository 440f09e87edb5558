"""Whether a bridge and a processor go together: what neither file shows alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.config import BridgeConfig
    from processor.config import ProcessorConfig


def lateness_problem(bridge: "BridgeConfig", processor: "ProcessorConfig") -> str:
    """Return what speaks against the two beside each other; ``""`` when nothing does.

    A bridge may hold a message for as long as ``hold``, and the operation must not be closed by then.
    """
    lateness_s = processor.operations.allowed_lateness
    longest = max(bridge.clouds, key=lambda cloud: cloud.hold)
    if lateness_s > longest.hold:
        return ""
    return (
        f"should be longer than the `hold` of cloud {longest.name} ({longest.hold:g} s), and is {lateness_s:g} s: what"
        " a bridge held for that long would come too late, and be a dead letter"
    )
