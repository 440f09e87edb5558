from precache.runtime.health import Health


def test_nothing_is_ready_before_a_part_says_so() -> None:
    health = Health()
    assert not health.ready()
    assert health.report() == {"ready": False, "parts": {}}


def test_one_sick_part_is_enough_and_is_named() -> None:
    health = Health()
    health.set("paris", True)
    assert health.ready()
    health.set("london", False, "no answer from RabbitMQ")
    assert not health.ready()
    assert health.report() == {
        "ready": False,
        "parts": {"london": {"ready": False, "why": "no answer from RabbitMQ"}, "paris": {"ready": True, "why": ""}},
    }
    health.set("london", True)
    assert health.ready()


def test_a_part_that_is_gone_no_longer_counts() -> None:
    health = Health()
    health.set("paris", True)
    health.set("partition 3", False, "being restored")
    health.remove("partition 3")
    health.remove("unknown")
    assert health.ready()
    health.remove("paris")
    assert not health.ready()
