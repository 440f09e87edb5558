"""Doctor's checks: in order, all at once, and none may hold up the others."""

import threading
import time

from console.doctor.findings import Check, Finding, fail, ok, run_all, warn


def test_found_in_the_order_of_the_checks() -> None:
    def slow() -> list[Finding]:
        time.sleep(0.2)
        return [ok("slow", "a"), warn("slow", "b", "look")]

    found = run_all([Check("slow", slow), Check("quick", lambda: [fail("quick", "c", "do")])])
    assert [(finding.what, finding.state) for finding in found] == [("slow", "ok"), ("slow", "WARN"), ("quick", "FAIL")]


def test_a_check_that_hangs_is_reported_and_left() -> None:
    never = threading.Event()

    def hang() -> list[Finding]:
        never.wait()
        return []

    began = time.monotonic()
    found = run_all(
        [Check("hung", hang), Check("hung too", hang), Check("fine", lambda: [ok("fine", "")])], limit_s=0.3
    )
    assert time.monotonic() - began < 2.0
    assert [(finding.what, finding.state) for finding in found] == [
        ("hung", "FAIL"),
        ("hung too", "FAIL"),
        ("fine", "ok"),
    ]
    assert "no answer within" in found[0].text
    never.set()


def test_a_check_that_breaks_does_not_hide_the_others() -> None:
    def broken() -> list[Finding]:
        raise ValueError("oops")

    found = run_all([Check("broken", broken), Check("fine", lambda: [ok("fine", "")])])
    assert found[0].state == "FAIL"
    assert "ValueError: oops" in found[0].text
    assert found[1].state == "ok"


def test_json() -> None:
    assert fail("a", "b", "c").as_object() == {"check": "a", "state": "FAIL", "text": "b", "remedy": "c"}
