"""An instance that was built on a host, or failed to be: a row of ``precache_boot``."""

from typing import Annotated, Literal

from msgspec import Struct

from precache.contract.tables.fields import field, tag

BootResult = Literal["active", "error"]


class Boot(Struct, frozen=True, kw_only=True, gc=False):
    """One build of an instance from an image. A boot from a volume has no image, and no row."""

    cloud: Annotated[str, tag("the cloud, as named in `bridge.yaml`")]
    host: Annotated[str, tag("the compute host")]
    image: Annotated[str, tag("the image's id")]
    instance: Annotated[str, field("the instance's id")]
    duration_s: Annotated[float, field("from its creation to the notification of its end", "s")]
    result: Annotated[BootResult, field("`active`, or `error`")]
