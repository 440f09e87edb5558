"""Each exception of the two libraries becomes one of precache's."""

import inspect

import pytest
from keystoneauth1 import exceptions as auth
from openstack import exceptions as sdk

from precache.openstack.api import OpenStackError
from precache.openstack.errors import of_request, of_response, translate

VENDORS = sorted(
    {
        kind
        for module, base in ((auth, auth.ClientException), (sdk, sdk.SDKException))
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, base)
    },
    key=lambda kind: f"{kind.__module__}.{kind.__name__}",
)


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.__name__)
def test_every_exception_is_mapped(kind: type[Exception]) -> None:
    # Their constructors take all sorts of arguments, and what they say is an attribute.
    error = kind.__new__(kind)
    error.message = "the words"  # type: ignore[attr-defined]
    for ours in (translate(error, "paris", "list aggregates"), of_request(error, "paris", "cache images")):
        assert isinstance(ours, OpenStackError)
        assert str(ours).startswith("paris: ")
        assert "the words" in str(ours)


def test_secrets_in_words_are_masked() -> None:
    for words in ("see https://admin:secretword@nova/", "password=secretword"):
        assert "secretword" not in str(of_response(403, words, "paris", "cache images"))
        assert "secretword" not in str(translate(RuntimeError(words), "paris", "log in"))
