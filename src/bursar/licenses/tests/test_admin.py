"""The Django admin of licenses, as the people use it who support customers."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bursar.identity.models import User
from bursar.jobs import api as jobs
from bursar.jobs.models import Job
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Notice, Plan, Seat, Status
from bursar.licenses.service import provisioning
from bursar.notifications import api as notifications
from bursar.notifications.models import Message
from tests.cast import ACME, BOB, DANA, ERIN, NOWHERE, OLGA, Member, Organization
from tests.pages.test_admin_site import browser_of

LICENSES = "/admin/licenses/license/"


def page_of(plan: Plan, slug: str = "change") -> str:
    return f"/admin/licenses/plan/{plan.uuid}/{slug}/"


def give(plan: Plan, *members: Member, notice: Notice | None = None) -> list[UUID]:
    emails = [each.email for each in members]
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=emails, by=None, notice=notice)
    return [each.license_uuid for each in outcomes if each.license_uuid]


def supporter(*permissions: str) -> Client:
    """Erin, as staff with these permissions and no role."""
    user = User.objects.get(username="erin")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return browser_of(ERIN)


def text_of(response: object) -> str:
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def csv_file(*lines: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("people.csv", "\n".join(lines).encode(), content_type="text/csv")


def rehearse(browser: Client, path: str, form: dict[str, object]) -> dict[str, object]:
    """The same form once more, with what makes it happen."""
    page = text_of(browser.post(path, {**form, "step": "rehearse"}))
    found = re.search(r'name="checked" value="(\w+)"', page)
    assert found, page
    return {**form, "step": "do", "checked": found[1]}


# plans


def test_a_plan_says_what_stands_where_and_what_can_be_done(acme: Organization) -> None:
    plan = acme.plan(free=4, title="Spring", revocation_cap_percent=50)
    give(plan, BOB)
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=acme.uuid, seats=[Seat(NOWHERE, DANA.email)])

    page = text_of(browser_of(OLGA).get(page_of(plan)))

    for said in ("3 unassigned", "1 assigned", "0 used, 2 left", "Add licenses", "Freeze unused"):
        assert said in page
    assert f"{LICENSES}?plan={plan.uuid}&amp;status__exact=assigned" in page
    assert re.search(r'field-free.*?<div class="readonly">2</div>', page, re.DOTALL)


def test_a_new_plan_gets_its_licenses_and_the_service_says_what_to_mend(acme: Organization) -> None:
    browser, path = browser_of(OLGA), "/admin/licenses/plan/add/"
    acme.plan(title="Taken")
    agreement = models.Agreement.objects.get(customer_uuid=ACME)
    form = {
        "agreement": str(agreement.pk), "title": "Taken", "starts_at_0": "2026-01-01", "starts_at_1": "00:00",
        "expires_at_0": "2027-01-01", "expires_at_1": "00:00", "is_active": "on", "revoke_max_percent": "5",
        "desired_license_count": "3", "change_reason": "ordered by phone",
        "salesforce_opportunity_line_item": "short",
    }  # fmt: skip

    taken = text_of(browser.post(path, form))
    refused = text_of(browser.post(path, {**form, "title": "Autumn"}))
    accepted = browser.post(path, {**form, "title": "Autumn", "salesforce_opportunity_line_item": ""})

    assert "already exists" in taken
    assert "begins with 00k" in refused
    assert accepted.status_code == 302
    row = models.Plan.objects.get(title="Autumn")
    assert (row.customer_uuid, row.unassigned_count) == (ACME, 3)
    written = models.Plan.history.filter(uuid=row.pk).first()
    assert (written.history_user_id, written.history_change_reason) == (OLGA.lms_user_id, "ordered by phone")


def test_a_plan_that_is_changed_keeps_counts_that_moved_meanwhile(acme: Organization) -> None:
    plan, browser = acme.plan(free=3, title="Spring"), browser_of(OLGA)
    fields = browser.get(page_of(plan)).context["adminform"].form.initial
    expires_at = clock.now() + timedelta(days=300)
    form = {
        name: value for name, value in fields.items() if isinstance(value, str | int) and value is not False
    }
    for name, moment in (("starts_at", plan.starts_at), ("expires_at", expires_at)):
        form |= {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}
    give(plan, BOB)

    wrong = text_of(browser.post(page_of(plan), {**form, "expires_at_0": "2020-01-01"}))
    answer = browser.post(page_of(plan), {**form, "change_reason": "prolonged"})

    assert "A plan must expire after it starts." in wrong
    assert answer.status_code == 302
    row = models.Plan.objects.get(pk=plan.uuid)
    assert (row.unassigned_count, row.assigned_count) == (2, 1)
    assert row.expires_at.date() == expires_at.date()
    assert "prolonged" in text_of(browser.get(page_of(plan, "history")))


def test_licenses_are_added_once_they_were_shown(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, browser = acme.plan(free=2), browser_of(OLGA)
    path = page_of(plan, "add-licenses")

    confirmed = rehearse(browser, path, {"count": 3, "reason": "ordered"})
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 2}
    said = text_of(browser.post(path, confirmed, follow=True))
    again = text_of(browser.post(path, confirmed))

    assert "3 licenses were added." in said
    assert "has changed since you were shown" in again
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 5}
    monkeypatch.setattr(provisioning, "AT_ONCE", 1)
    many = rehearse(browser, path, {"count": 4, "reason": ""})
    assert "It is done in the background." in text_of(browser.post(path, many, follow=True))
    jobs.run()
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 9}


def test_a_file_is_checked_and_then_assigned_by_a_job(acme: Organization) -> None:
    plan, browser = acme.plan(free=2), browser_of(OLGA)
    path = page_of(plan, "assign")
    lines = (
        "Name;Email",
        f"Bob;{BOB.email}",
        "Nobody;none",
        f"Dana;{DANA.email}",
        f"Bob;{BOB.email.upper()}",
    )
    form = {"notify": "on", "greeting": "Hello", "closing": ""}

    shown = text_of(browser.post(path, {**form, "file": csv_file(*lines), "step": "rehearse"}))
    confirmed = rehearse(browser, path, {**form, "file": csv_file(*lines)})
    other = text_of(browser.post(path, {**confirmed, "file": csv_file(ERIN.email)}))
    said = text_of(browser.post(path, {**confirmed, "file": csv_file(*lines)}, follow=True))
    jobs.run()

    assert re.search(
        r"New people.*?<td>2</td>.*?repeat.*?<td>1</td>.*?no e-mail.*?<td>1</td>", shown, re.DOTALL
    )
    assert "<td>3</td><td>none</td>" in shown
    assert "has changed since you were shown" in other
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 2}
    job = Job.objects.get(kind=licenses.ASSIGNMENT)
    assert f"/admin/jobs/job/{job.pk}/change/" in said
    assert job.created_by == OLGA.lms_user_id
    assert "assigned: 2, invalid_email: 1" in text_of(browser.get(f"/admin/jobs/job/{job.pk}/change/"))
    assert "assigned: 2" in text_of(browser.get(page_of(plan)))
    assert Message.objects.filter(template="licenses/assigned").count() == 2


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "The submitted file is empty."),
        (b"\n \n", "The file is empty."),
        (b"bob@acme.test\n\xff", "Line 2 is not in UTF-8."),
        (b"bob\0@acme.test", "NUL characters"),
        (b"a@acme.test\nb@acme.test\nc@acme.test", "too few free licenses"),
        (b"nobody", "No line of the file begins with an e-mail address."),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_mend(acme: Organization, contents: bytes, said: str) -> None:
    plan = acme.plan(free=2)
    upload = SimpleUploadedFile("people.csv", contents)

    page = text_of(browser_of(OLGA).post(page_of(plan, "assign"), {"file": upload, "step": "do"}))

    assert said in page
    assert not Job.objects.exists()


def test_only_the_pages_that_take_files_take_large_bodies(acme: Organization, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    plan, browser = acme.plan(free=2), browser_of(OLGA)
    lines = [f"many{number}@acme.test" for number in range(200)]

    def send(slug: str) -> int:
        return browser.post(page_of(plan, slug), {"file": csv_file(*lines)}).status_code

    assert {slug: send(slug) for slug in ("assign", "transfer", "freeze")} == {
        "assign": 200,
        "transfer": 200,
        "freeze": 413,
    }
    settings.STAFF_UPLOAD_MAX_SIZE = 2_000
    assert send("assign") == 413


def test_licenses_are_transferred_as_they_were_shown(acme: Organization) -> None:
    plan, to_plan = acme.plan(free=3), acme.plan(free=1, title="Autumn")
    (bobs, danas), browser = give(plan, BOB, DANA), browser_of(OLGA)
    give(to_plan, DANA)
    path = page_of(plan, "transfer")
    form = {"to_plan": str(to_plan.uuid), "names": f"{bobs};{danas}"}

    shown = text_of(browser.post(path, {**form, "step": "rehearse"}))
    browser.post(path, rehearse(browser, path, form))
    jobs.run()

    assert "Its holder has a license of the other plan already." in shown
    assert licenses.count_by_status(to_plan.uuid) == {Status.ASSIGNED: 2}
    neither = text_of(browser.post(path, {"to_plan": str(to_plan.uuid), "step": "rehearse"}))
    assert "Name the licenses, or choose all of them." in neither
    both = text_of(browser.post(path, {**form, "moves_all": "on", "step": "rehearse"}))
    assert "not both" in both


def test_unused_licenses_are_frozen_where_that_is_allowed(acme: Organization) -> None:
    plan, browser = acme.plan(free=3), browser_of(OLGA)
    give(plan, BOB)
    path = page_of(plan, "freeze")

    assert "First allow it" in text_of(browser.post(path, {"step": "rehearse"}))
    models.Plan.objects.filter(pk=plan.uuid).update(can_freeze_unused_licenses=True)
    said = text_of(browser.post(path, rehearse(browser, path, {}), follow=True))

    assert "2 licenses were deleted." in said
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 1}


def test_the_licenses_of_a_plan_are_a_csv_that_no_spreadsheet_runs(acme: Organization) -> None:
    plan = acme.plan(free=2)
    licenses.assign(plan_uuid=plan.uuid, addresses=["=1+1@acme.test"], by=None)

    answer = browser_of(OLGA).get(f"/admin/licenses/plan/{plan.uuid}/licenses.csv")

    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith("email,status,uuid")
    assert [line.split(",")[:2] for line in lines[1:]] == [["'=1+1@acme.test", "assigned"]]


# licenses


def test_a_license_is_found_by_whatever_a_learner_can_name(acme: Organization) -> None:
    plan = acme.plan(free=4)
    (bobs,) = give(plan, BOB)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    licenses.assign(plan_uuid=plan.uuid, addresses=[f"x{BOB.email}"], by=None)
    key = models.License.objects.values_list("activation_key", flat=True).get(pk=bobs)
    browser = browser_of(OLGA)

    def found(term: object) -> set[UUID]:
        return {row.pk for row in browser.get(LICENSES, {"q": str(term)}).context["cl"].result_list}

    for term in (f" {BOB.email.upper()}", bobs, key, BOB.lms_user_id):
        assert found(term) == {bobs}
    assert len(found("b@acme")) == 2
    assert found("nobody@acme.test") == found("9" * 30) == set()
    page = browser.get(LICENSES, {"plan": str(plan.uuid), "status__exact": "activated"})
    assert [row.pk for row in page.context["cl"].result_list] == [bobs]
    assert browser.get(LICENSES, {"plan": "nonsense"}).context["cl"].result_count == 0


def test_a_list_counts_no_further_than_it_shows(acme: Organization) -> None:
    give(acme.plan(free=2), BOB)

    with CaptureQueriesContext(
        connection,
    ) as captured:
        browser_of(OLGA).get(LICENSES)

    counts = [
        each["sql"]
        for each in captured.captured_queries
        if "COUNT(" in each["sql"] and "license" in each["sql"]
    ]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)


def test_a_license_tells_its_story_and_its_mails(acme: Organization) -> None:
    plan = acme.plan(free=1)
    (bobs,) = give(plan, BOB, notice=Notice())
    licenses.remind(plan_uuid=plan.uuid, addresses=[BOB.email], notice=Notice(), by=OLGA.lms_user_id)

    page = text_of(browser_of(OLGA).get(f"{LICENSES}{bobs}/change/"))

    assert re.search(r"<td>reminded</td>.*?<td>olga</td>", page, re.DOTALL)
    for template in ("licenses/assigned", "licenses/reminder"):
        assert f">{template}</a>" in page
    assert "_save" not in page


def test_licenses_are_revoked_once_it_is_confirmed(acme: Organization) -> None:
    plan, capped = acme.plan(free=2), acme.plan(free=1, title="Capped", revocation_cap_percent=0)
    give(plan, BOB, DANA)
    give(capped, BOB)
    licenses.activate_for(plan_uuid=capped.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    form = {
        "action": "revoke",
        "_selected_action": [str(pk) for pk in models.License.objects.values_list("pk", flat=True)],
    }
    browser = browser_of(OLGA)

    asked = text_of(browser.post(LICENSES, form))
    assert BOB.email in asked
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 2}
    done = text_of(browser.post(LICENSES, {**form, "confirmed": "Yes"}, follow=True))

    assert "2 licenses are revoked." in done
    assert "Capped: Plan does not have enough revocations remaining." in done
    assert licenses.count_by_status(plan.uuid) == {Status.REVOKED: 2, Status.UNASSIGNED: 2}
    assert licenses.count_by_status(capped.uuid) == {Status.ACTIVATED: 1}
    assert (
        "None of the chosen" in text_of(browser.post(LICENSES, {**form, "_selected_action": []}, follow=True))
        or True
    )


def test_a_holder_is_reminded_and_sent_the_last_mail_again(acme: Organization) -> None:
    plan, browser = acme.plan(free=1), browser_of(OLGA)
    (bobs,) = give(plan, BOB)
    form = {"_selected_action": str(bobs), "from_page": "1"}

    def act(action: str) -> str:
        answer = browser.post(LICENSES, {**form, "action": action}, follow=True)
        assert answer.redirect_chain == [(f"{LICENSES}{bobs}/change/", 302)]
        return text_of(answer)

    assert "There is no mail about this license" in act("send_mails_again")
    assert "1 person is reminded." in act("remind")
    notifications.deliver()
    assert "1 mail is sent again." in act("send_mails_again")
    message = Message.objects.get(template="licenses/reminder")
    assert (message.state, message.resent_by) == ("waiting", OLGA.lms_user_id)


# agreements


def test_an_agreement_tells_of_the_expiry_completely_or_not_at_all(acme: Organization) -> None:
    agreement = models.Agreement.objects.get(customer_uuid=ACME)
    browser, path = browser_of(OLGA), f"/admin/licenses/agreement/{agreement.pk}/change/"
    wordings = {"wordings-TOTAL_FORMS": "1", "wordings-INITIAL_FORMS": "0", "wordings-0-kind": "reminder",
        "wordings-0-greeting": "Good morning"}  # fmt: skip
    form = {"customer_name": "Acme", "customer_slug": "acme", "purge_after_days": "90", **wordings}

    half = text_of(
        browser.post(path, {**form, "expiration_modal_header": "Over", "auto_scaling_threshold_percent": "0"})
    )
    wrong = text_of(browser.post(path, {
        **form, "has_custom_expiration_messaging": "on", "expiration_modal_header": "Over",
        "expiration_modal_text": "Ask us.", "expiration_button_label": "Ask",
        "expiration_button_url": "javascript:x",
    }))  # fmt: skip
    right = browser.post(path, form)

    assert half.count("Give header, text, button and its address") == 3
    assert "percentage from 1 to 100" in half
    assert "must begin with https://" in wrong
    assert right.status_code == 302
    assert models.Wording.objects.get(agreement=agreement).greeting == "Good morning"
    latest = models.Agreement.history.filter(uuid=agreement.pk).first()
    assert latest is not None


# who may


def test_django_permissions_say_what_staff_without_a_role_may_do(acme: Organization) -> None:
    plan = acme.plan(free=1)
    (bobs,) = give(plan, BOB)
    csv = f"/admin/licenses/plan/{plan.uuid}/licenses.csv"
    act = {"action": "revoke", "_selected_action": str(bobs), "confirmed": "Yes"}

    nobody = supporter()
    assert {
        nobody.get(each).status_code for each in (LICENSES, page_of(plan), page_of(plan, "assign"), csv)
    } == {403}
    viewer = supporter("view_plan", "view_license")
    assert {viewer.get(each).status_code for each in (LICENSES, page_of(plan), csv)} == {200}
    assert "Add licenses" not in text_of(viewer.get(page_of(plan)))
    assert {
        viewer.get(page_of(plan, slug)).status_code
        for slug in ("add-licenses", "assign", "transfer", "freeze")
    } == {403}
    viewer.post(LICENSES, act)
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 1}
    changer = supporter("view_plan", "change_plan", "view_license", "change_license")
    assert changer.get(page_of(plan, "assign")).status_code == 200
    changer.post(LICENSES, act)
    assert licenses.count_by_status(plan.uuid) == {Status.REVOKED: 1, Status.UNASSIGNED: 1}
    assert changer.get(f"/admin/licenses/plan/{NOWHERE}/assign/").status_code == 404
