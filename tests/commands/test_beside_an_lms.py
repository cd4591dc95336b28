"""BURSAR_AUTH=openedx, from the environment to the answer."""

import json
import urllib.error
import urllib.request

import pytest

from tests.lms import Lms, public_jwk
from tests.processes import answer_of

pytestmark = [pytest.mark.slow, pytest.mark.once]

LMS = Lms()
PEM = "-----BEGIN PRIVATE KEY-----\nnobody reads this\n-----END PRIVATE KEY-----"


def beside(**changes):
    """The variables of an installation beside the LMS."""
    return {"BURSAR_AUTH": "openedx", "BURSAR_JWT_ISSUERS": json.dumps([LMS.entry(**changes)])}


def ask(url: str, token: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Authorization": f"JWT {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("command", ["up", "doctor", "migrate", "token"])
def test_another_value_is_refused_by_every_command(install, command):
    refused = install().run(command, *(["bob@acme.test"] if command == "token" else []), BURSAR_AUTH="lms")

    assert refused.returncode == 2
    assert "BURSAR_AUTH=lms is neither embedded" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_it_serves_the_lms_people_and_makes_no_key(install, tmp_path):
    key_set = tmp_path / "jwks.json"
    key_set.write_text(json.dumps({"keys": [public_jwk()]}))
    installation = install(**beside(jwks=str(key_set)))
    up = installation.up()

    status, body = ask(f"{up.url}/api/user/v1/accounts/bob", LMS.token(12, "bob"))
    strange, _ = ask(f"{up.url}/api/user/v1/accounts/bob", LMS.token(12, "bob", iss="https://x.test/oauth2"))

    assert (status, json.loads(body)["id"]) == (200, 12)
    assert strange == 401
    for path in ("/oauth2/jwks", "/login", "/register"):
        assert answer_of(f"{up.url}{path}")[0] == 404
    assert [path.name for path in (installation.home / "keys").iterdir()] == ["secret_key"]
    assert "Traceback" not in up.output()


def test_it_issues_no_token_and_says_who_does(install):
    refused = install(is_migrated=True, **beside()).run("token", "bob@acme.test")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "issues no tokens with BURSAR_AUTH=openedx" in refused.stderr
    assert "https://lms.test/oauth2/access_token" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"BURSAR_JWT_ISSUERS": ""}, "BURSAR_JWT_ISSUERS: names no issuer"),
        (beside(jwks="nowhere.json"), "BURSAR_JWT_ISSUERS: [0].jwks 'nowhere.json' cannot be read"),
        ({**beside(), "BURSAR_LMS_URL": "lms.test"}, "BURSAR_LMS_URL must be the LMS's http(s) address"),
        (beside(issuer="lms"), "BURSAR_LMS_URL must be the LMS's http(s) address, and 'lms' is none"),
    ],
)
def test_what_is_missing_is_a_fault_and_no_start(install, settings, reason):
    installation = install(is_migrated=True, **{"BURSAR_AUTH": "openedx", **settings})

    examined = installation.run("doctor")
    refused = installation.run("web")

    assert examined.returncode == 1
    assert examined.stdout.startswith("fault  settings")
    assert reason in examined.stdout
    assert refused.returncode == 1
    assert reason in refused.stderr


def test_the_doctor_names_whom_it_trusts_and_what_is_ignored(install):
    installation = install(is_migrated=True)

    here = installation.run("doctor", BURSAR_JWT_ISSUERS="[]", BURSAR_LMS_URL="https://lms.test")
    there = installation.run("doctor", BURSAR_JWT_PRIVATE_KEY=PEM, **beside(secret="a secret of the LMS"))

    assert here.returncode == there.returncode == 0, here.stdout + there.stdout
    assert "warn   tokens       BURSAR_JWT_ISSUERS is ignored with BURSAR_AUTH=embedded" in here.stdout
    assert "warn   tokens       BURSAR_LMS_URL is ignored" in here.stdout
    assert "ok     tokens       those of https://lms.test/oauth2 for openedx" in there.stdout
    assert "by 1 key and a secret" in there.stdout
    assert "warn   tokens       BURSAR_JWT_PRIVATE_KEY is ignored with BURSAR_AUTH=openedx" in there.stdout
    assert "a secret of the LMS" not in there.stdout


def test_a_database_whose_people_bursar_numbered_itself_is_refused(install):
    installation = install(is_migrated=True)
    assert installation.run("load", "demo/acme.yaml").returncode == 0  # its program gets a number from Bursar

    examined = installation.run("doctor", **beside())
    refused = [installation.run(command, **beside()) for command in ("web", "up", "background")]

    assert examined.returncode == 1
    assert "fault  people       this database gave out LMS user ids itself" in examined.stdout
    for each in refused:
        assert each.returncode == 1
        assert "begin with a new database" in each.stderr


def test_a_superuser_can_be_made_for_the_admin(install):
    installation = install(is_migrated=True, **beside(), DJANGO_SUPERUSER_PASSWORD="correct horse")
    arguments = ("--no-input", "--username", "root", "--email", "root@bursar.test")

    made = installation.run("manage", "createsuperuser", *arguments)

    assert made.returncode == 0, made.stderr
    assert installation.run("doctor").returncode == 0


def test_a_world_is_loaded_and_says_what_the_lms_has(install):
    loaded = install(is_migrated=True, **beside()).run("load", "demo/acme.yaml")

    assert loaded.returncode == 0, loaded.stderr
    assert "users: password (8 entries) passed over" in loaded.stdout
    assert "service_accounts (1 entry) passed over" in loaded.stdout
