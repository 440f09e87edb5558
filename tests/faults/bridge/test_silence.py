"""A RabbitMQ that says nothing more, on a connection that stands: the bridge gives it up, and connects again."""

from urllib.parse import urlsplit

from tests.faults.path.site import on_host
from tests.faults.processor.proxy import Proxy
from tests.integration.bridge.rig import Rig, notifications
from tests.support.process import wait_until

# RabbitMQ sends a heartbeat twice in this time. A connection is given up five seconds after it.
HEARTBEAT_S = 4


def test_a_silent_rabbitmq_is_left_in_time(rig: Rig) -> None:
    sent = notifications(2)
    parts = urlsplit(rig.cloud.transport_url)
    with Proxy(f"http://{parts.hostname}:{parts.port}") as proxy:
        cloud = rig.paris(
            transport_url=on_host(rig.cloud.transport_url, proxy.address),
            oslo_messaging_rabbit={"heartbeat_timeout_threshold": HEARTBEAT_S},
        )
        with rig.start(rig.config(cloud)).wait_ready() as bridge:
            proxy.hold()
            # pika by itself would wait for a whole period of nine seconds without a byte: up to eighteen.
            wait_until(lambda: bridge.events("bridge.source_lost"), "the connection to be given up", 12)
            assert not bridge.ready()[0]
            proxy.fix()
            rig.publish([body for _, body in sent])
            rig.wait_forwarded([message_id for message_id, _ in sent])
            bridge.wait_ready()
            assert bridge.stop() == 0
