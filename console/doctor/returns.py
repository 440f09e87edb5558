"""After how many returns RabbitMQ drops a message of a quorum queue, as far as that can be seen."""

from typing import Any, Final

from bridge.config import CloudBlock
from bridge.source.transport_url import Transport
from console.doctor.findings import Finding, ok, warn

# RabbitMQ 4 drops a message of a quorum queue after 20 returns, unless a policy or the queue's arguments say otherwise.
_LIMITED_SINCE: Final = 4


def look(cloud: CloudBlock, read: Transport, connection: Any) -> list[Finding]:
    """Return what is to be said of the limit; nothing where RabbitMQ has none.

    Args:
        cloud: whose queue it is.
        read: its transport, with Nova's options.
        connection: pika's, open.
    """
    what = f"{cloud.name}: delivery limit"
    limit = read.options["rabbit_quorum_delivery_limit"]
    if read.options["rabbit_quorum_queue"] and limit:
        remedy = (
            "set rabbit_quorum_delivery_limit to 0 in nova.conf and here, and delete the queue once it is empty:"
            " no policy raises a limit that a queue was declared with"
        )
        return [warn(what, f"RabbitMQ drops a message after {limit} returns, silently", remedy)]
    version = str(connection._impl.server_properties.get("version", ""))  # noqa: SLF001 - pika shows it nowhere else
    major = version.partition(".")[0]
    if major.isdigit() and int(major) >= _LIMITED_SINCE:
        text = (
            f"RabbitMQ {version} drops a message of a quorum queue after 20 returns, unless a policy has"
            " `delivery-limit: -1`; that can't be seen from here: `rabbitmqctl list_policies`"
        )
        return [ok(what, text)]
    return []
