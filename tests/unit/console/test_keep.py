"""A keeper's plan, as a person reads it."""

from console.keep import plan as plans
from keeper.core.declaration import CloudRules
from keeper.core.observed import Unavailable
from keeper.core.plan import plan_cloud
from tests.unit.keeper import build


def test_each_image_has_its_mark_and_the_end_counts_them() -> None:
    asked = build.plan(build.view())
    assert plans.drifts({"paris": asked})
    assert list(plans.lines({"paris": asked})) == [
        "paris: app (2 hosts)",
        "  + ubuntu (u-1): on 0 of 2 hosts; round 1: ask for hosts that were not asked yet",
        "",
        "Plan: 1 to ask now, 0 to wait, 0 resident, 0 failing.",
    ]
    resident = build.plan(build.view(residency=build.cached("h1", "h2")))
    assert not plans.drifts({"paris": resident})
    assert "  = ubuntu (u-1): on 2 of 2 hosts; resident on 2 hosts" in list(plans.lines({"paris": resident}))[1]


def test_a_cloud_that_was_not_seen_is_drift_and_says_why() -> None:
    unseen = plan_cloud([build.DECLARED], CloudRules(), Unavailable("Nova is\x1b away"), {}, build.NOW)
    assert plans.drifts({"paris": unseen})
    assert next(plans.lines({"paris": unseen})) == "paris: was not seen: Nova is\\x1b away"
    assert list(plans.objects({"paris": unseen})) == []
