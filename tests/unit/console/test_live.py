"""`residency --live`: which clouds are asked, for what, and what becomes of an answer."""

from dataclasses import dataclass, field

import pytest

from console.cli.exits import CommandError
from console.query.live import live_hosts
from console.start.clouds import CloudAccess
from precache.config.operators import OperatorCloud, OperatorsBlock
from precache.openstack.api import Aggregate, CloudUnreachableError, ComputeHost, Image, RefusedError

OPERATORS = OperatorsBlock(clouds=(OperatorCloud(name="paris", os_cloud="paris-admin", region="R1"),))


@dataclass
class FakeCloud:
    answers: dict[str, tuple[str, ...] | Exception] = field(default_factory=dict)

    def aggregate(self, wanted: str) -> Aggregate:
        answer = self.answers[wanted]
        if isinstance(answer, Exception):
            raise answer
        return Aggregate(1, wanted, "foo", answer)

    def image(self, wanted: str) -> Image:
        raise NotImplementedError

    def compute_hosts(self) -> list[ComputeHost]:
        raise NotImplementedError

    def cache_images(self, *_: object) -> str:
        raise NotImplementedError


def test_each_cloud_is_asked_once_by_its_entry_and_what_is_gone_has_no_hosts() -> None:
    cloud = FakeCloud({"a": ("cn-1", "cn-2"), "b": RefusedError("no aggregate b", 404)})
    asked: list[CloudAccess] = []

    def connect(place: CloudAccess) -> FakeCloud:
        asked.append(place)
        return cloud

    found = live_hosts([("paris", "a"), ("paris", "b")], OPERATORS, connect)
    assert found == {("paris", "a"): ("cn-1", "cn-2"), ("paris", "b"): ()}
    assert asked == [CloudAccess("paris", "paris-admin", "R1")]


@pytest.mark.parametrize("error", [RefusedError("not allowed", 403), CloudUnreachableError("rome does not answer")])
def test_a_cloud_that_does_not_tell_ends_the_command(error: Exception) -> None:
    with pytest.raises(CommandError, match=f"{error}.*without --live"):
        live_hosts([("rome", "a")], OPERATORS, lambda _: FakeCloud({"a": error}))
