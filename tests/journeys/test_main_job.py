"""The main job, as programs and people do it: six steps over HTTP against running processes of Bursar."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.callers import Answer, Caller, Mail, press_button, read_mails
from tests.processes import Installation, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.uncounted]

WORLD = Path(__file__).parents[2] / "demo" / "acme.yaml"
ACME = "11111111-1111-4111-8111-111111111111"
PLAN = "11111111-0001-4001-8001-111111111111"
COURSE = "MITx+6.00.1x"
COURSE_TITLE = "Introduction to Computer Science and Programming Using Python"
OPEN_RUN = "course-v1:MITx+6.00.1x+2T2026"
CLOSED_RUN = "course-v1:UQx+Think101x+2026"
BULK = f"/enterprise/api/v1/enterprise-customer/{ACME}/enroll_learners_in_courses/"
SOON = 30
"""Seconds within which the background work is done, on a busy machine."""


@pytest.fixture(params=["postgres", "mariadb"])
def bursar(
    request: pytest.FixtureRequest, install: Callable[..., Installation], redis_url: str
) -> Installation:
    """A running Bursar with the demo world: web, worker and beat apart, with Redis.

    In one process tree, on SQLite, ``demo/main_job.sh`` goes the same way (``test_demo.py``).
    """
    installation = install(request.param, BURSAR_BROKER_URL=redis_url)
    assert installation.run("migrate").returncode == 0
    loaded = installation.run("load", str(WORLD))
    assert loaded.returncode == 0, loaded.stderr
    web, *_ = [installation.start(name) for name in ("web", "worker", "beat")]
    web.wait_until_ready()
    return installation


def test_learners_ask_for_licenses_and_end_up_in_courses(bursar: Installation) -> None:
    acme = Acme(bursar)

    request = acme.bob_asks_for_a_license()
    rows = acme.alice_approves_what_waits()
    assert request["uuid"] in {row["uuid"] for row in rows}

    approved = acme.soon_both_are_approved()
    acme.both_get_one_mail_with_the_course_and_the_next_step(approved)

    acme.bob_activates_his_license(approved["bob@acme.test"])

    pairs = acme.alice_enrolls_five_people_in_two_runs(approved)
    acme.the_unknown_person_signs_up_and_is_enrolled()
    acme.the_same_request_again_changes_nothing(pairs)

    acme.the_story_of_the_request_names_everything(request["uuid"])


@dataclass
class Acme:
    """Acme's people at work, one method for each thing they do."""

    bursar: Installation

    def caller(self, email: str) -> Caller:
        token = self.bursar.run("token", email)
        assert token.returncode == 0, token.stderr
        return Caller(f"http://127.0.0.1:{self.bursar.port}", token.stdout.strip())

    def mails(self, to: str, about: str) -> list[Mail]:
        return [mail for mail in read_mails(self.bursar.home, to) if about in mail.subject + mail.text]

    # 1

    def bob_asks_for_a_license(self) -> dict[str, Any]:
        self.bob, self.alice = self.caller("bob@acme.test"), self.caller("alice@acme.test")
        wanted = {"enterprise_customer_uuid": ACME, "course_id": COURSE}

        answer = self.bob.post("/api/v1/license-requests/", wanted)

        assert answer.status == 201, answer.body
        assert answer.body["state"] == "requested"
        assert answer.body["course_title"] == COURSE_TITLE
        assert self.bob.post("/api/v1/license-requests/", wanted).status == 422  # one open request each
        wait_until(lambda: self.mails("bob@acme.test", "has arrived"), "a mail to Bob", seconds=SOON)
        request: dict[str, Any] = answer.body
        return request

    # 2

    def alice_approves_what_waits(self) -> list[dict[str, Any]]:
        waiting = self.requests(state="requested")
        assert {row["email"] for row in waiting} == {"bob@acme.test", "dana@acme.test"}
        approval = {
            "enterprise_customer_uuid": ACME,
            "subscription_plan_uuid": PLAN,
            "subsidy_request_uuids": [row["uuid"] for row in waiting],
            "send_notification": True,
        }
        assert self.bob.post("/api/v1/license-requests/approve/", approval).status == 403

        answer = self.alice.post("/api/v1/license-requests/approve/", approval)

        assert answer.status == 200, answer.body
        assert len(answer.body) == 2
        assert {row["state"] for row in answer.body} <= {"pending", "approved"}  # never requested any more
        rows: list[dict[str, Any]] = answer.body
        return rows

    def requests(self, **parameters: str) -> list[dict[str, Any]]:
        answer = self.alice.get("/api/v1/license-requests/", enterprise_customer_uuid=ACME, **parameters)
        assert answer.status == 200, answer.body
        rows: list[dict[str, Any]] = answer.body["results"]
        return rows

    # 3

    def soon_both_are_approved(self) -> dict[str, dict[str, Any]]:
        wait_until(lambda: len(self.requests(state="approved")) == 2, "both approved", seconds=SOON)
        approved = {row["email"]: row for row in self.requests(state="approved")}
        assert len({row["license_uuid"] for row in approved.values()}) == 2
        assert {row["subscription_plan_uuid"] for row in approved.values()} == {PLAN}
        return approved

    def both_get_one_mail_with_the_course_and_the_next_step(self, approved: dict[str, Any]) -> None:
        for email in approved:
            wait_until(
                lambda email=email: self.mails(email, "is approved"), f"a mail to {email}", seconds=SOON
            )
            [mail] = self.mails(email, "is approved")
            assert COURSE_TITLE in mail.subject
            license_ = self.license_of(self.caller(email))
            assert any(license_["activation_key"] in link for link in mail.links)

    def license_of(self, learner: Caller) -> dict[str, Any]:
        answer = learner.get("/api/v1/learner-licenses/", enterprise_customer_uuid=ACME)
        assert answer.status == 200, answer.body
        [license_] = answer.body["results"]
        assert isinstance(license_, dict)
        return license_

    # 4

    def bob_activates_his_license(self, approved: dict[str, Any]) -> None:
        license_ = self.license_of(self.bob)
        assert license_["uuid"] == approved["license_uuid"]
        assert license_["status"] == "assigned"

        answer = self.bob.post(f"/api/v1/license-activation/?activation_key={license_['activation_key']}")

        assert answer.status == 200, answer.body
        assert self.license_of(self.bob)["status"] == "activated"

    # 5

    def alice_enrolls_five_people_in_two_runs(self, approved: dict[str, Any]) -> dict[str, Any]:
        subsidies = {email: {"license_uuid": row["license_uuid"]} for email, row in approved.items()}
        subsidies["erin@acme.test"] = {"license_uuid": self.license_of(self.caller("erin@acme.test"))["uuid"]}
        subsidies["uma@acme.test"] = {"transaction_id": str(uuid.uuid4())}
        subsidies["not an address"] = {"transaction_id": str(uuid.uuid4())}
        pairs = {
            "enrollments_info": [
                {"email": email, "course_run_key": run, **subsidy}
                for email, subsidy in subsidies.items()
                for run in (OPEN_RUN, CLOSED_RUN)
            ],
            "notify": True,
        }

        answer = self.alice.post(BULK, pairs)

        assert answer.status == 409, answer.body  # some failed; the rest is done
        known = {"bob@acme.test", "dana@acme.test", "erin@acme.test"}
        assert places(answer, "successes") == {(email, OPEN_RUN) for email in known}
        assert places(answer, "pending") == {("uma@acme.test", OPEN_RUN)}
        assert places(answer, "failures") == {(email, CLOSED_RUN) for email in {*known, "uma@acme.test"}}
        assert {row["code"] for row in answer.body["failures"]} == {"enrollment_closed"}
        assert all(row["message"] for row in answer.body["failures"])
        assert answer.body["invalid_email_addresses"] == ["not an address"]
        assert all(row["created"] for row in answer.body["successes"])
        for email in (*known, "uma@acme.test"):
            wait_until(lambda email=email: self.mails(email, OPEN_RUN), f"a mail to {email}", seconds=SOON)
        return pairs

    def the_unknown_person_signs_up_and_is_enrolled(self) -> None:
        form = {
            "email": "Uma@Acme.test",
            "username": "uma",
            "name": "Uma Unknown",
            "password": "correct horse battery",
            "terms_of_service": "true",
            "honor_code": "true",
        }
        anybody = Caller(self.alice.url)
        assert anybody.post_form("/api/user/v2/account/registration/", form).status == 200
        wait_until(lambda: self.mails("uma@acme.test", "/confirm-email/"), "the link", seconds=SOON)
        assert self.enrollments_of("uma") == ""  # whoever only claims an address gets nothing

        [mail] = self.mails("uma@acme.test", "/confirm-email/")
        [link] = [link for link in mail.links if "/confirm-email/" in link]
        assert press_button(link).status == 200

        wait_until(lambda: self.enrollments_of("uma") == f"{OPEN_RUN} verified", "Uma enrolled", seconds=SOON)

    def enrollments_of(self, username: str) -> str:
        """Run and mode of each."""
        shown = self.bursar.run("manage", "shell", "--no-imports", "-c", SHOW_ENROLLMENTS.format(username))
        assert shown.returncode == 0, shown.stderr
        return shown.stdout.strip()

    def the_same_request_again_changes_nothing(self, pairs: dict[str, Any]) -> None:
        mails = len(read_mails(self.bursar.home))

        again = self.alice.post(BULK, pairs)

        assert again.status == 409
        assert ("uma@acme.test", OPEN_RUN) in places(again, "successes")
        assert not any(row["created"] for row in again.body["successes"] + again.body["pending"])
        assert len(read_mails(self.bursar.home)) == mails

    # 6

    def the_story_of_the_request_names_everything(self, request_uuid: str) -> None:
        for reader in (self.alice, self.bob):
            answer = reader.get(f"/api/v1/license-requests/{request_uuid}/history/")
            assert answer.status == 200, answer.body
            story = [(each["subject"], each["event"], each["by_username"]) for each in answer.body["results"]]
            assert story == [
                ("request", "requested", "bob"),
                ("message", "written", None),
                ("message", "sent", None),
                ("request", "approved", "alice"),
                ("license", "assigned", "alice"),
                ("request", "fulfilled", None),
                ("message", "written", None),
                ("message", "sent", None),
                ("license", "activated", "bob"),
            ]
            times = [each["at"] for each in answer.body["results"]]
            assert times == sorted(times)
        assert self.caller("erin@acme.test").get(f"/api/v1/license-requests/{request_uuid}/").status == 404


SHOW_ENROLLMENTS = """
from bursar.enrollments.models import Enrollment
from bursar.identity.models import User
user = User.objects.get(username="{}")
for row in Enrollment.objects.filter(lms_user_id=user.lms_user_id, is_active=True):
    print(row.run_key, row.mode)
"""


def places(answer: Answer, verdict: str) -> set[tuple[str, str]]:
    """Who and where, of one of the lists of an answer."""
    return {(row["email"], row["course_run_key"]) for row in answer.body[verdict]}
