"""Nova's own notifier declares exchange and queue, with each kind of queue; the bridge reads what it sends."""

import json
from urllib.parse import urlencode

import pytest

from console.simulator.clouds import SimulatedAggregate, SimulatedReport, SimulatedRequest
from console.simulator.nova import Nova
from precache.contract.nova import END, PROGRESS, START
from tests.integration.bridge.rig import SOURCES, Rig
from tests.support.process import wait_until


@pytest.mark.parametrize("source", SOURCES)
def test_what_novas_notifier_declares_and_sends_is_read(undeclared: Rig, source: str) -> None:
    rig = undeclared
    nova = Nova(f"{rig.cloud.transport_url}?{urlencode(rig.kind.nova)}", rig.cloud.exchange, rig.cloud.topic)
    aggregate = SimulatedAggregate(1, "0ad0c2e1-0f7c-4a8e-9a58-3e2f3b3a0c11", "web", ("host1",))
    request = SimulatedRequest("paris", aggregate, ("image",), (SimulatedReport("host1", ("image",), ()),))
    nova.start(request)
    wait_until(lambda: rig.cloud.queue(rig.queue).get("messages") == 1, "Nova's queue to hold its message")
    declared = rig.cloud.queue(rig.queue)
    assert declared["durable"] == rig.kind.is_durable
    assert declared["arguments"].get("x-queue-type", "classic") == rig.kind.arguments.get("x-queue-type", "classic")
    assert declared["arguments"].get("x-delivery-limit") == rig.kind.arguments.get("x-delivery-limit")
    with rig.bridge(**rig.options(source)) as bridge:
        nova.progress(request, request.reports[0], 1)
        nova.end(request)
        wait_until(lambda: len(rig.records()) == 3, "three records", 60, 0.2)
        rig.wait_empty()
        assert bridge.stop() == 0
    nova.close()
    types = [json.loads(record.value() or b"")["event_type"] for record in rig.records()]
    assert types == [START, PROGRESS, END]
    assert rig.dead() == []
