"""From which country a request comes, and whether the run is closed to it."""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import maxminddb
import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from bursar.catalog.data import Run
from bursar.enrollments import embargo
from bursar.enrollments.rest.addresses import caller_address, client_addresses
from tests.countries import BRITISH, EUROPEAN, JAPANESE, KOREAN, UNKNOWN, write_country_database

pytestmark = pytest.mark.once

PRIVATE = "10.1.2.3"
GARBAGE = ["", " ", "unknown", "1.2.3", "256.1.1.1", "[1::2::3", ":::", "é", "1.2.3.4\x00", "x" * 9000]


def run(*blocked):
    return Run(
        key="course-v1:Test+T1+1",
        course_key="Test+T1",
        org="Test",
        title="Test",
        start=None,
        end=None,
        enrollment_start=None,
        enrollment_end=None,
        pacing="self_paced",
        is_enrollable=True,
        invitation_only=False,
        max_enrollments=None,
        blocked_countries=blocked,
        modes=(),
    )


def request(chain=None, own="127.0.0.1"):
    headers = {} if chain is None else {"X-Forwarded-For": chain}
    return RequestFactory().get("/", headers=headers, REMOTE_ADDR=own)


# Countries


@pytest.mark.parametrize(
    ("address", "countries"),
    [
        (KOREAN, {"KP"}),
        (BRITISH, {"GB"}),
        (JAPANESE, {"JP"}),
        (UNKNOWN, set()),
        (EUROPEAN, set()),
        (PRIVATE, set()),
        ("fe80::1", set()),
        ("::1", set()),
    ],
)
def test_an_address_has_the_country_where_it_is(country_database, address, countries):
    assert embargo.countries_of([address]) == countries


def test_all_addresses_count(country_database):
    assert embargo.countries_of([BRITISH, PRIVATE, KOREAN, BRITISH]) == {"GB", "KP"}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_no_address_has_no_country_and_hides_none(country_database, garbage):
    assert embargo.countries_of([garbage]) == set()
    assert embargo.countries_of([garbage, KOREAN, garbage]) == {"KP"}


def test_without_a_database_no_country_is_known(settings):
    settings.GEOIP_DATABASE = ""

    assert embargo.countries_of([KOREAN]) == set()


def test_a_database_of_ipv4_alone_knows_no_address_of_ipv6(tmp_path, settings):
    settings.GEOIP_DATABASE = str(write_country_database(tmp_path, ip_version=4))

    assert embargo.countries_of([JAPANESE, KOREAN]) == {"KP"}


@pytest.mark.parametrize("kind", ["GeoIP2-City", "GeoIP2-Enterprise", "DBIP-Country-Lite"])
def test_a_database_of_cities_knows_countries_too(tmp_path, settings, kind):
    settings.GEOIP_DATABASE = str(write_country_database(tmp_path, kind))

    assert embargo.countries_of([KOREAN]) == {"KP"}


def test_a_database_without_countries_is_refused(tmp_path):
    path = str(write_country_database(tmp_path, "GeoLite2-ASN"))

    with pytest.raises(maxminddb.InvalidDatabaseError, match="has no countries"):
        embargo.open_database(path)


def test_a_file_that_has_gone_since_the_start_blocks_rather_than_lets_everybody_in(tmp_path, settings):
    settings.GEOIP_DATABASE = str(tmp_path / "gone.mmdb")

    with pytest.raises(FileNotFoundError):
        embargo.countries_of([KOREAN])


def test_threads_share_one_reader(country_database, monkeypatch):
    opened = []
    real = maxminddb.open_database
    monkeypatch.setattr(maxminddb, "open_database", lambda path: opened.append(path) or real(path))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embargo.countries_of, [[KOREAN], [BRITISH]] * 200))

    assert found == [{"KP"}, {"GB"}] * 200
    assert opened == [str(country_database)]


# Runs


@pytest.mark.parametrize(
    ("blocked", "countries", "is_blocked"),
    [
        (("KP",), {"KP"}, True),
        (("KP", "IR"), {"GB", "IR"}, True),
        (("kp",), {"KP"}, True),
        (("KP",), {"kp"}, True),
        (("KP",), {"GB"}, False),
        (("KP",), set(), False),
        ((), {"KP"}, False),
        ((), set(), False),
    ],
)
def test_one_closed_country_blocks(blocked, countries, is_blocked):
    assert embargo.is_blocked(run(*blocked), countries) == is_blocked


# Addresses


@pytest.mark.parametrize(
    ("chain", "own", "addresses"),
    [
        (None, KOREAN, [KOREAN]),
        (f"{KOREAN}, {BRITISH}", PRIVATE, [KOREAN, BRITISH, PRIVATE]),
        (f"{KOREAN}:4711,{BRITISH}:80", PRIVATE, [KOREAN, BRITISH, PRIVATE]),
        (f"[{JAPANESE}]:443, [{JAPANESE}], {JAPANESE}", "::1", [JAPANESE, "::1"]),
        (f'"{KOREAN}", "[{JAPANESE}]:1"', "", [KOREAN, JAPANESE]),
        (f"::ffff:{KOREAN}", f"::ffff:{BRITISH}", [KOREAN, BRITISH]),
        ("2001:0218:0000::0009", f"{JAPANESE}%eth0", [JAPANESE]),
        (f"unknown,, ;{KOREAN}, {KOREAN}", "unix:", [KOREAN]),
        ("", "", []),
    ],
)
def test_all_addresses_that_a_request_names_are_read(chain, own, addresses):
    assert client_addresses(request(chain, own)) == addresses


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_the_chain_breaks_nothing_and_hides_nothing(garbage):
    assert client_addresses(request(f"{garbage},{KOREAN},{garbage}", garbage)) == [KOREAN]


@given(st.lists(st.one_of(st.text(), st.ip_addresses().map(str), st.sampled_from(GARBAGE))))
def test_nothing_that_a_caller_adds_to_the_chain_takes_an_address_out(added):
    chain = ",".join([*added, KOREAN])  # the proxy appends where the caller is

    assert KOREAN in client_addresses(request(chain, BRITISH))
    assert BRITISH in client_addresses(request(chain, BRITISH))


def test_nobody_gets_in_by_naming_more_addresses(country_database):
    closed = run("KP")
    for chain in permutations([KOREAN, BRITISH, JAPANESE, UNKNOWN, "unknown"]):
        for own in (PRIVATE, BRITISH):
            addresses = client_addresses(request(",".join(chain), own))
            assert embargo.is_blocked(closed, embargo.countries_of(addresses))


@pytest.mark.parametrize(
    ("chain", "own", "address"),
    [
        (None, KOREAN, KOREAN),
        (f"{BRITISH}, {JAPANESE}", KOREAN, KOREAN),
        (f"{BRITISH}, {JAPANESE}", f"::ffff:{KOREAN}", KOREAN),
        (f"{BRITISH}, {JAPANESE}", PRIVATE, JAPANESE),
        (f"{BRITISH}, {JAPANESE}", "", JAPANESE),
        (None, PRIVATE, PRIVATE),
        ("unknown", PRIVATE, PRIVATE),
        (None, "", ""),
    ],
)
def test_what_a_proxy_of_ours_wrote_last_stands_for_the_caller(chain, own, address):
    assert caller_address(request(chain, own)) == address
