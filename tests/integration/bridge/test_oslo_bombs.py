"""With `source: oslo`, too, a small message that unpacks to much costs no more memory than any other."""

import zlib
from pathlib import Path
from typing import Final

from tests.integration.bridge.rig import Rig, notifications
from tests.support.poisons import JSON
from tests.support.process import Precache

# Of zeros; 1 MB of it takes 1 kB.
UNPACKED_BYTES: Final = 512 * 1024 * 1024
# A bridge without bombs has some 100 MB.
MOST_BYTES: Final = 256 * 1024 * 1024
PACKED: Final = JSON | {"headers": {"compression": "gzip"}}


def peak_bytes(process: Precache) -> int:
    """Return the most memory that a process has had."""
    lines = Path(f"/proc/{process.process.pid}/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) * 1024


def bomb(size: int) -> bytes:
    """Return that many zeros, packed in pieces: they are never here as a whole."""
    packer, piece = zlib.compressobj(), bytes(1024 * 1024)
    return b"".join([*(packer.compress(piece) for _ in range(size // len(piece))), packer.flush()])


def test_what_a_message_unpacks_to_is_bounded(rig: Rig) -> None:
    good = notifications(3)
    with rig.bridge(**rig.options("oslo")) as bridge:
        rig.publish([bomb(UNPACKED_BYTES)] * 2, PACKED)
        rig.publish([zlib.compress(body) for _, body in good], PACKED)
        rig.wait_forwarded([message_id for message_id, _ in good])
        rig.wait_empty()
        assert peak_bytes(bridge) < MOST_BYTES
        assert bridge.stop() == 0
