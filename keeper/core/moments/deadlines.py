"""When an image will be on all hosts, from rate and history, and whether that is in time."""

from collections.abc import Sequence

from keeper.core.observed import ObservedOperation


def seconds_per_host(aggregate_uuid: str, image: str, operations: Sequence[ObservedOperation]) -> float | None:
    """Return how long a host took in the newest operation that shows it: of this image here, else of any here.

    ``None`` when no operation of this aggregate has reported.
    """
    here = [each for each in operations if each.aggregate_uuid == aggregate_uuid and each.hosts_done]
    same = [each for each in here if image in each.images]
    newest = max(same or here, key=lambda each: each.started_s, default=None)
    if newest is None:
        return None
    return (newest.last_event_s - newest.started_s) / newest.hosts_done


def expected_s(begins_s: float, hosts: int, per_host_s: float | None) -> float:
    """Return when the last of ``hosts`` hosts has the image, if the first is asked at ``begins_s``."""
    return begins_s + hosts * (per_host_s or 0.0)
