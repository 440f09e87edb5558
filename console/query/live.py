"""Asks Nova which hosts the aggregates of an estimate have now."""

from collections.abc import Callable, Iterable

from console.cli.exits import FATAL, CommandError
from console.cli.tasks import Task, all_over
from console.start.clouds import CloudAccess, Connect
from precache.config.operators import OperatorsBlock
from precache.openstack.api import OpenStackError, RefusedError
from precache.query.residency import AggregateKey

_NOT_FOUND = 404


def live_hosts(
    aggregates: Iterable[AggregateKey], operators: OperatorsBlock, connect: Connect
) -> dict[AggregateKey, tuple[str, ...]]:
    """Return the hosts of each aggregate: none where Nova has no such aggregate any more. The clouds are asked at once.

    Raises:
        CommandError: a cloud does not answer.
    """
    by_cloud: dict[str, list[str]] = {}
    for cloud, aggregate in aggregates:
        by_cloud.setdefault(cloud, []).append(aggregate)
    tasks = [Task(_asking(operators, cloud, wanted, connect)) for cloud, wanted in by_cloud.items()]
    try:
        return {key: hosts for task in all_over(tasks) for key, hosts in task.result().items()}
    except OpenStackError as error:
        raise CommandError(f"{error} (without --live, the hosts are those of each last operation)", FATAL) from error


def _asking(
    operators: OperatorsBlock, name: str, aggregates: list[str], connect: Connect
) -> Callable[[], dict[AggregateKey, tuple[str, ...]]]:
    entry = operators.cloud(name)

    def ask() -> dict[AggregateKey, tuple[str, ...]]:
        cloud = connect(CloudAccess(name, entry.os_cloud, entry.region))
        found: dict[AggregateKey, tuple[str, ...]] = {}
        for aggregate in aggregates:
            try:
                found[name, aggregate] = cloud.aggregate(aggregate).hosts
            except RefusedError as error:
                if error.status != _NOT_FOUND:
                    raise
                found[name, aggregate] = ()
        return found

    return ask
