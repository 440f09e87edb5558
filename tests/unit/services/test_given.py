"""Which servers count as given by the environment, and which are looked after here."""

import pytest

from tests.services.given import GivenError, given_addresses
from tests.services.testing import Servers

RABBITMQ = {"PRECACHE_TEST_RABBITMQ_URL": "rabbit://u:p@given:5672/v"}
NO_EXTRAS = {"PRECACHE_TEST_RABBITMQ_API": "", "PRECACHE_TEST_RABBITMQCTL": ""}
INFLUX = {
    "PRECACHE_TEST_INFLUX_URL": "http://given:8086",
    "PRECACHE_TEST_INFLUX_ORG": "org",
    "PRECACHE_TEST_INFLUX_TOKEN": "token",
}


def test_nothing_is_given_by_an_empty_environment() -> None:
    assert given_addresses({}, {}) == {}


def test_each_server_is_given_on_its_own() -> None:
    assert given_addresses(RABBITMQ, {}) == {"rabbitmq": RABBITMQ | NO_EXTRAS}
    assert given_addresses(RABBITMQ | INFLUX, {}) == {"rabbitmq": RABBITMQ | NO_EXTRAS, "influxdb": INFLUX}


def test_an_empty_variable_gives_nothing() -> None:
    assert given_addresses({"PRECACHE_TEST_KAFKA": ""}, {}) == {}


def test_half_an_address_is_an_error_that_names_the_other_half() -> None:
    with pytest.raises(GivenError, match=r"^influxdb: .* but not PRECACHE_TEST_INFLUX_ORG$"):
        given_addresses({key: value for key, value in INFLUX.items() if not key.endswith("ORG")}, {})


def test_what_an_earlier_run_exported_is_not_given() -> None:
    assert given_addresses(RABBITMQ, {"rabbitmq": RABBITMQ | {"PRECACHE_TEST_RABBITMQ_API": "http://own"}}) == {}


def test_an_address_other_than_our_own_is_given() -> None:
    own = {"rabbitmq": {"PRECACHE_TEST_RABBITMQ_URL": "rabbit://u:p@own:5672/v"}}
    assert given_addresses(RABBITMQ, own) == {"rabbitmq": RABBITMQ | NO_EXTRAS}


def test_the_api_of_a_given_broker_is_its_own() -> None:
    api = {"PRECACHE_TEST_RABBITMQ_API": "http://given:15672"}
    assert given_addresses(RABBITMQ | api, {}) == {"rabbitmq": RABBITMQ | NO_EXTRAS | api}
    ours = {"PRECACHE_TEST_RABBITMQ_URL": "rabbit://u:p@own:5672/v", **api}
    assert given_addresses(RABBITMQ | api, {"rabbitmq": ours}) == {"rabbitmq": RABBITMQ | NO_EXTRAS}


def test_without_addresses_tests_are_reported_what_to_run() -> None:
    with pytest.raises(LookupError, match=r'PRECACHE_TEST_KAFKA not set: run `eval "\$\(make -s services\)"` first$'):
        Servers.from_environment(RABBITMQ | INFLUX)
