"""An operator's terminal: `precache watch`, started before Nova begins."""

import re

import pytest

from tests.support import captures
from tests.support.stack import Stack

BLOG_END = """\
Completed 95 hosts, 8 errors in DURATION
Errors from hosts:
guaranine2
guaranine3
guaranine4
guaranine5
guaranine6
guaranine7
guaranine8
guaranine9
Image c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2 failed 8 times
"""
MIXED_END = """\
Completed 23 hosts, 9 errors in DURATION
Errors from hosts:
db3
db4
db5
db9
db17
No answer from hosts:
db12
Image 8f1d2c5e-9a0b-4d3f-b6a7-0c1e2d3f4a5b failed 5 times
Image c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2 failed 4 times
"""
NO_HOST_END = "Completed 0 hosts, 0 errors in DURATION\n"


def progress_lines(name: str) -> str:
    """The line for each host, counted anew from the capture."""
    start, *reports, _ = (message.message()["payload"]["nova_object.data"] for message in captures.read(name))
    total = len(start["hosts"])
    lines, errors = [f"Image cache started on {total} hosts\n"], 0
    for done, report in enumerate(reports, 1):
        errors += len(report["images_failed"])
        lines.append(f"Aggregate '{start['name']}' host {done}: {100 * done / total:.0f}% complete ({errors} errors)\n")
    return "".join(lines)


@pytest.mark.parametrize(
    ("name", "ending", "code"),
    [(captures.BLOG, BLOG_END, 1), (captures.MIXED, MIXED_END, 1), (captures.NO_HOST, NO_HOST_END, 0)],
)
def test_the_lines_and_the_exit_code_of_each_capture(stack: Stack, name: str, ending: str, code: int) -> None:
    with stack.bridge(), stack.processor():
        config = str(stack.processor_file(instance="watcher"))
        with stack.precache("watch", "--config", config, "--cloud", "paris") as watch:
            watch.wait_text("atching")
            stack.publish(captures.read(name))
            assert watch.wait_end(60) == code, watch.stderr
            said = re.sub(r" in (\d+s|\d+m\d\ds|\d+h\d\dm)$", " in DURATION", watch.stdout, flags=re.MULTILINE)
    assert said == progress_lines(name) + ending
