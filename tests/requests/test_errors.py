"""A failed request is told so in its own language: JSON for programs, a page for people."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.cast import ACME, BOB

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.mark.parametrize("path", ["/api/nothing/here/", "/enterprise/api/v1/nothing/", "/csrf/nothing"])
def test_an_unknown_path_of_the_api_is_a_404_in_json(client, path):
    answer = client.get(path, headers={"Accept": "text/html"})

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


@pytest.mark.parametrize(
    "accept", ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "*/*", ""]
)
def test_an_unknown_page_is_a_404_in_html(client, accept):
    answer = client.get("/no/such/page/at/all/", headers={"Accept": accept})

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain, */*"])
def test_whoever_asks_for_json_gets_json_everywhere(client, accept):
    answer = client.get("/no/such/page/at/all/", headers={"Accept": accept})

    assert answer.json() == {"detail": "Not found."}


@pytest.mark.parametrize(
    ("how", "status", "body"),
    [
        ("rule", 422, {"detail": "Not today.", "code": "refused"}),
        ("input", 400, {"detail": "Send a number.", "code": "invalid"}),
        ("missing", 404, {"detail": "No such plan."}),
    ],
)
def test_a_rule_that_says_no_becomes_an_answer(client, how, status, body):
    answer = client.get(f"/api/test/{how}/")

    assert (answer.status_code, answer.json()) == (status, body)


def test_a_crash_in_the_api_is_a_500_in_json_that_names_the_request(client):
    answer = client.get("/api/test/crash/", headers={"X-Request-ID": "abc-1"})

    assert answer.status_code == 500
    assert answer.json()["request_id"] == "abc-1"
    assert "boom" not in answer.content.decode()


def test_a_crash_on_a_page_is_a_page(client):
    answer = client.get("/test/crash/", headers={"Accept": "text/html"})

    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")


def test_a_database_that_is_away_is_a_503_that_says_try_again(client):
    answer = client.get("/api/test/database/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "10.0.0.1" not in answer.content.decode()


def test_a_host_that_is_not_ours_gets_a_400_in_json(client):
    answer = client.get("/api/test/rule/", headers={"Host": "evil.test"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "The request is malformed."})


@pytest.mark.parametrize("path", ["/api/test/rule/?search=a%00b", "/api/test/a%00b/"])
def test_a_nul_character_in_an_address_is_a_400(client, path):
    assert client.get(path).status_code == 400


def test_options_and_wrong_methods_say_which_methods_there_are(client):
    for method in (client.options, client.put):
        answer = method("/api/test/echo/")
        assert answer.status_code == 405
        assert "POST" in answer["Allow"]


def test_a_post_without_csrf_token_is_refused_in_json_on_the_api(cast):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(get_user_model().objects.get(lms_user_id=BOB.lms_user_id))

    answer = browser.post("/enterprise/select/active/", {"enterprise": str(ACME)})

    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]
