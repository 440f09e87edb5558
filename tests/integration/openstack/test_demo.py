"""`make demo-openstack` tells what a real Nova did, boots included."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.testing import Servers

pytestmark = pytest.mark.more
ROOT = Path(__file__).parents[3]


def test_the_whole_story(servers: Servers) -> None:
    environ = os.environ | {"PRECACHE_TEST_KAFKA": servers.kafka}
    command = [sys.executable, "-m", "tests.demo_openstack"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^cmp03 +failed ", done.stdout, re.MULTILINE)
    assert re.search(r"^cmp07 +silent", done.stdout, re.MULTILINE)
    assert len(re.findall(r" cmp\d\d .* resident ", done.stdout)) == 8
    # One boot with the image there, and one without.
    boots = r"^demo +my-application +\S+ +1 +[\d.]+ +[\d.]+ +1 +[\d.]+ +[\d.]+ +0$"
    assert re.search(boots, done.stdout, re.MULTILINE)
