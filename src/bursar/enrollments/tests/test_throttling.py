"""How often one caller may use the enrollment API."""

import runpy

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from bursar.config import settings as config_settings
from bursar.enrollments.rest.throttling import EnrollmentThrottle
from bursar.identity.models import User
from tests.cast import ALICE, BOB, CS50_RUN, OLGA
from tests.countries import BRITISH, KOREAN

pytestmark = pytest.mark.once

ONE_PATH = "/api/enrollment/v1/enrollment"
PUBLIC_PATH = f"/api/enrollment/v1/course/{CS50_RUN}"
STAFF_PATH = "/api/enrollment/v1/enrollments/"


@pytest.fixture(autouse=True)
def clock(monkeypatch, settings):
    """Three requests a minute, five for staff; ``clock.pass_seconds`` lets time go by."""

    class Clock:
        seconds = 1_000_000.0

        def pass_seconds(self, seconds):
            self.seconds += seconds

    made = Clock()
    monkeypatch.setattr(EnrollmentThrottle, "timer", lambda throttle: made.seconds)
    settings.ENROLLMENT_RATES = {"user": "3/minute", "staff": "5/minute"}
    settings.EDX_API_KEY = "a shared key"
    cache.clear()
    yield made
    cache.clear()


def statuses(client, path, count, **headers):
    return [client.get(path, headers=headers).status_code for _ in range(count)]


def test_one_request_too_many_is_told_when_to_go_on(cast, client_of, clock):
    bob = client_of(BOB)
    assert statuses(bob, ONE_PATH, 3) == [200, 200, 200]
    clock.pass_seconds(20)

    refused = bob.get(ONE_PATH)

    assert refused.status_code == 429
    assert refused["Retry-After"] == "40"
    assert list(refused.json()) == ["detail"]
    clock.pass_seconds(41)
    assert bob.get(ONE_PATH).status_code == 200


def test_refused_requests_do_not_make_one_wait_longer(cast, client_of, clock):
    bob = client_of(BOB)
    statuses(bob, ONE_PATH, 30)
    clock.pass_seconds(60)

    assert statuses(bob, ONE_PATH, 4) == [200, 200, 200, 429]


def test_all_paths_take_from_one_bucket(cast, client_of):
    olga = client_of(OLGA)

    assert statuses(olga, ONE_PATH, 3) == [200, 200, 200]
    assert statuses(olga, STAFF_PATH, 3) == [200, 200, 429]
    assert statuses(olga, ONE_PATH, 1) == [429]


def test_everybody_has_a_bucket_of_their_own(cast, client_of):
    statuses(client_of(BOB), ONE_PATH, 4)

    assert statuses(client_of(ALICE), ONE_PATH, 4) == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("is_staff", "is_superuser", "count"),
    [(False, False, 3), (True, False, 5), (False, True, 5), (True, True, 5)],
)
def test_staff_and_superusers_may_ask_more_often(cast, client_of, is_staff, is_superuser, count):
    User.objects.filter(username="bob").update(is_staff=is_staff, is_superuser=is_superuser)

    assert statuses(client_of(BOB), ONE_PATH, count + 1) == [200] * count + [429]


def test_the_key_is_not_counted(cast, client_of):
    with_key = {"X-Edx-Api-Key": "a shared key"}

    assert statuses(client_of(None), ONE_PATH, 9, **with_key) == [200] * 9
    assert statuses(client_of(BOB), ONE_PATH, 9, **with_key) == [200] * 9
    assert statuses(client_of(BOB), ONE_PATH, 4) == [200, 200, 200, 429]


def test_a_wrong_key_is_counted(cast, client_of):
    wrong = {"X-Edx-Api-Key": "a wrong key"}

    assert statuses(client_of(BOB), ONE_PATH, 4, **wrong) == [200, 200, 200, 429]


def test_without_an_account_the_address_counts(cast):
    client = APIClient()

    assert statuses(client, PUBLIC_PATH, 4) == [200, 200, 200, 429]
    assert statuses(APIClient(REMOTE_ADDR=BRITISH), PUBLIC_PATH, 1) == [200]


def test_a_stranger_does_not_get_more_by_making_addresses_up(cast):
    direct, behind_a_proxy = APIClient(REMOTE_ADDR=BRITISH), APIClient(REMOTE_ADDR="10.0.0.1")

    answers = [
        direct.get(PUBLIC_PATH, headers={"X-Forwarded-For": f"203.0.113.{number}"}) for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    answers = [
        behind_a_proxy.get(PUBLIC_PATH, headers={"X-Forwarded-For": f"203.0.113.{number}, {KOREAN}"})
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_people_behind_one_proxy_do_not_share_a_bucket(cast):
    proxy = APIClient(REMOTE_ADDR="10.0.0.1")

    assert statuses(proxy, PUBLIC_PATH, 4, **{"X-Forwarded-For": KOREAN}) == [200, 200, 200, 429]
    assert statuses(proxy, PUBLIC_PATH, 4, **{"X-Forwarded-For": BRITISH}) == [200, 200, 200, 429]


@pytest.mark.parametrize("rates", [{"user": "", "staff": ""}, {}])
def test_without_a_rate_there_is_no_limit(cast, client_of, settings, rates):
    settings.ENROLLMENT_RATES = rates

    assert statuses(client_of(BOB), ONE_PATH, 50) == [200] * 50
    assert statuses(client_of(OLGA), STAFF_PATH, 130) == [200] * 130


# The variables

NAMES = {"user": "BURSAR_ENROLLMENT_RATE", "staff": "BURSAR_ENROLLMENT_STAFF_RATE"}


@pytest.fixture
def read_rates(monkeypatch):
    """What the settings make of these variables when no test runs."""

    def read(**variables):
        monkeypatch.delenv("PYTEST_VERSION")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(config_settings.__file__)["ENROLLMENT_RATES"]

    return read


def test_the_rates_are_those_of_the_lms(read_rates):
    assert read_rates() == {"user": "40/minute", "staff": "120/minute"}


@pytest.mark.parametrize("rate", ["1/second", "40/minute", "5000/hour", "999999999/day", ""])
@pytest.mark.parametrize("who", NAMES)
def test_an_operator_chooses_a_rate_or_none(read_rates, who, rate):
    assert read_rates(**{NAMES[who]: rate})[who] == rate


@pytest.mark.parametrize(
    "rate", ["often", "40", "0/minute", "-1/minute", "40/moon", "40/", "1.5/minute", " "]
)
@pytest.mark.parametrize("name", NAMES.values())
def test_what_is_no_rate_is_refused_by_the_name_of_its_variable(read_rates, name, rate):
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: {rate} is no rate"):
        read_rates(**{name: rate})
