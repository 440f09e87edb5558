"""The client against a small HTTP server: what is sent, what is sent again, and what each failure says."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from precache.openstack import client as client_module
from precache.openstack.api import (
    CloudConfigError,
    CloudUnreachableError,
    NoResponseError,
    RefusedError,
)
from precache.openstack.client import CloudClient, connect
from tests.support.openstack import (
    AGGREGATE,
    IMAGE,
    OTHER_IMAGE,
    PASSWORD,
    TOKEN,
    Answer,
    FakeOpenStack,
    aggregate,
    refusal,
    service,
)

GID = "req-11111111-2222-4333-8444-555555555555"
ASK = "POST /compute/v2.1/os-aggregates/1/images"
LIST = "GET /compute/v2.1/os-aggregates"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenStack]:
    monkeypatch.setattr(client_module, "backoff_s", lambda _: 0.0)
    with FakeOpenStack() as cloud:
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml(tmp_path, "paris")))
        yield cloud


@pytest.fixture
def client(fake: FakeOpenStack) -> CloudClient:
    del fake
    return connect("paris")


def ask(client: CloudClient) -> str:
    return client.cache_images(client.aggregate("foo"), [IMAGE, OTHER_IMAGE], GID)


def test_the_request_is_what_nova_wants(fake: FakeOpenStack, client: CloudClient) -> None:
    fake.on_ask = lambda _: "req-of-nova"
    assert ask(client) == "req-of-nova"
    [asked] = fake.asked
    assert asked.path == "/compute/v2.1/os-aggregates/1/images"
    assert asked.images == [IMAGE, OTHER_IMAGE]
    assert asked.global_request_id == GID
    assert asked.microversion == "compute 2.81"


@pytest.mark.parametrize("wanted", ["foo", AGGREGATE, "1"])
def test_aggregates_by_name_uuid_and_id(client: CloudClient, wanted: str) -> None:
    found = client.aggregate(wanted)
    assert (found.id, found.uuid, found.name) == (1, AGGREGATE, "foo")
    assert found.hosts == ("host1", "host2", "host3")


def test_aggregates_that_cannot_be_reported(fake: FakeOpenStack, client: CloudClient) -> None:
    with pytest.raises(RefusedError, match="did you mean 'foo'"):
        client.aggregate("fop")
    fake.aggregates.append(aggregate(2, "uuid-2", "1", []))
    with pytest.raises(RefusedError, match=f"several aggregates. Give a uuid: {AGGREGATE}, uuid-2"):
        client.aggregate("1")


def test_images_by_id_and_name(fake: FakeOpenStack, client: CloudClient) -> None:
    assert client.image(IMAGE).id == IMAGE
    assert client.image("ubuntu").id == IMAGE
    fake.images.append({"id": OTHER_IMAGE, "name": "ubuntu", "status": "queued"})
    assert client.image(OTHER_IMAGE).status == "queued"
    with pytest.raises(RefusedError, match=f"2 images are called 'ubuntu'. Give an id: {OTHER_IMAGE}, {IMAGE}"):
        client.image("ubuntu")
    for missing in ("debian", "11111111-2222-4333-8444-555555555555"):
        with pytest.raises(RefusedError, match=f"no image '{missing}' is visible"):
            client.image(missing)


def test_compute_hosts(fake: FakeOpenStack, client: CloudClient) -> None:
    fake.services = [service("host1"), service("host2", up=False), service("host3", enabled=False)]
    assert [(host.name, host.up, host.enabled) for host in client.compute_hosts()] == [
        ("host1", True, True),
        ("host2", False, True),
        ("host3", True, False),
    ]


@pytest.mark.parametrize("answer", [Answer(503, "<p>no server is available</p>"), Answer(cut=True), Answer(429)])
def test_reads_are_tried_again(fake: FakeOpenStack, client: CloudClient, answer: Answer) -> None:
    fake.script(LIST, answer, answer)
    assert client.aggregate("foo").name == "foo"
    assert fake.requests.count(LIST) == 3


def test_reads_are_not_tried_for_ever(fake: FakeOpenStack, client: CloudClient) -> None:
    fake.script(LIST, *[Answer(503, "<p>no server is available</p>")] * 5)
    with pytest.raises(CloudUnreachableError, match=r"paris: cannot list aggregates: .*no server is available"):
        client.aggregate("foo")
    assert fake.requests.count(LIST) == 3


def test_a_read_that_is_refused_is_not_tried_again(fake: FakeOpenStack, client: CloudClient) -> None:
    fake.script(LIST, refusal(403, "Policy doesn't allow os_compute_api:os-aggregates:index"))
    with pytest.raises(RefusedError, match=r"Policy doesn't allow .*the role admin"):
        client.aggregate("foo")
    assert fake.requests.count(LIST) == 1


@pytest.mark.parametrize(
    ("status", "words", "remedy"),
    [
        (400, "Image c3b8 is not found or not authorized", "openstack image show"),
        (401, "The request you have made requires authentication", "log in again"),
        (403, "Policy doesn't allow it", "compute:aggregates:images"),
        (404, "Aggregate 1 could not be found", "openstack aggregate list"),
        (406, "Version 2.81 is not supported by the API", "Ussuri"),
        (409, "in use", "Nova took nothing"),
    ],
)
def test_refusals_in_words_and_asked_once(
    fake: FakeOpenStack, client: CloudClient, status: int, words: str, remedy: str
) -> None:
    fake.script(ASK, refusal(status, words))
    with pytest.raises(RefusedError) as caught:
        ask(client)
    assert caught.value.status == status
    assert f"paris: Nova refused to cache images on aggregate 'foo': {words} (HTTP {status})" in str(caught.value)
    assert remedy in str(caught.value)
    assert len(fake.asked) == 1


def test_a_redirection_is_not_followed(fake: FakeOpenStack, client: CloudClient) -> None:
    fake.script(ASK, Answer(307, headers={"Location": f"{fake.url}/compute/v2.1/os-aggregates/1/images"}))
    with pytest.raises(RefusedError, match="not sent twice"):
        ask(client)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    "answer", [Answer(cut=True), Answer(delay_s=1.0, status=202), Answer(502, "<h1>Bad Gateway</h1>"), Answer(500)]
)
def test_a_lost_response_is_asked_once_and_reported(
    fake: FakeOpenStack, client: CloudClient, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_REQUEST_S", 0.5)
    fake.script(ASK, answer)
    with pytest.raises(NoResponseError, match="cannot tell whether Nova took the request"):
        ask(client)
    assert len(fake.asked) == 1


def test_what_was_never_sent_is_known(fake: FakeOpenStack, client: CloudClient) -> None:
    found = client.aggregate("foo")
    fake.close()
    client._connection.session.session.close()
    with pytest.raises(CloudUnreachableError, match="Connection refused"):
        client.cache_images(found, [IMAGE], GID)


def test_no_such_entry(fake: FakeOpenStack) -> None:
    del fake
    with pytest.raises(CloudConfigError, match=r"Cloud rome was not found.*clouds\.yaml"):
        connect("rome")


def test_wrong_credentials(fake: FakeOpenStack) -> None:
    fake.script("POST /v3/auth/tokens", Answer(401, {"error": {"code": 401, "message": "The request needs a user"}}))
    with pytest.raises(CloudUnreachableError, match="Keystone refuses the credentials") as caught:
        connect("paris")
    assert not caught.value.transient
    assert fake.requests.count("POST /v3/auth/tokens") == 1


def test_a_cloud_without_such_a_region(fake: FakeOpenStack) -> None:
    del fake
    with pytest.raises(CloudConfigError, match=r"RegionTwo is not a valid region.*clouds\.yaml"):
        connect("paris", "RegionTwo")


def test_no_secret_in_logs_and_errors(
    fake: FakeOpenStack, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.script(ASK, refusal(403, "no"))
    with pytest.raises(RefusedError) as caught:
        ask(connect("paris"))
    assert "os-aggregates" in caplog.text, "the requests are in the log"
    out, err = capfd.readouterr()
    for secret in (TOKEN, PASSWORD):
        assert secret not in caplog.text + out + err + str(caught.value)
