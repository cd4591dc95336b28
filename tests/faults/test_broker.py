"""At scale: a commit wakes a worker up, and no broker that is away, hangs or forgets stops anybody."""

import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.processes import Running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.uncounted]

SWEEP_SECONDS = 45
"""The worker finds its broker again, and a beat comes."""


def sign_up(up: Running, name: str) -> tuple[int, float]:
    """Status and seconds of a registration, which sends a mail."""
    form = {
        "email": f"{name}@acme.test",
        "username": name,
        "name": name.title(),
        "password": "correct horse battery",
        "terms_of_service": "true",
        "honor_code": "true",
    }
    started = time.monotonic()
    body = urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(
            f"{up.url}/api/user/v2/account/registration/", body, timeout=30
        ) as response:
            return response.status, time.monotonic() - started
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - started


def mails(home: Path) -> int:
    return len(list((home / "mail").glob("**/*.eml")))


@pytest.mark.parametrize(
    ("database", "broker"), [("sqlite", ""), ("postgres", "redis_url"), ("mariadb", "rabbitmq_url")]
)
def test_a_mail_goes_out_by_itself(install, request, database, broker):
    settings = {"BURSAR_BROKER_URL": request.getfixturevalue(broker)} if broker else {}
    installation = install(database, **settings)
    up = installation.up()

    status, _ = sign_up(up, "bob")

    assert status == 200
    wait_until(lambda: mails(installation.home) == 1, "a mail", seconds=30)


def test_requests_do_not_notice_a_broker_that_hangs_or_dies(install, own_redis):
    installation = install("postgres", BURSAR_BROKER_URL=own_redis.url)
    up = installation.up()
    for number in range(4):  # in each process the first one takes longer
        sign_up(up, f"first{number}")

    own_redis.hold()
    hanging = [sign_up(up, f"hang{number}") for number in range(5)]
    own_redis.go_on()
    wait_until(lambda: mails(installation.home) == 9, "all mails", seconds=SWEEP_SECONDS)

    own_redis.kill()
    dead = [sign_up(up, f"dead{number}") for number in range(5)]
    own_redis.start()
    wait_until(lambda: mails(installation.home) == 14, "all mails", seconds=SWEEP_SECONDS)

    assert [status for status, _ in hanging + dead] == [200] * 10
    assert max(seconds for _, seconds in hanging + dead) < 3  # a loaded machine; unloaded it is 0.1


def test_work_that_waited_while_nobody_worked_is_done_later(install):
    installation = install(is_migrated=True)
    web = installation.start("web")
    web.wait_until_ready()
    assert sign_up(web, "bob")[0] == 200

    time.sleep(1)
    assert mails(installation.home) == 0
    installation.start("background")

    wait_until(lambda: mails(installation.home) == 1, "a mail", seconds=30)
