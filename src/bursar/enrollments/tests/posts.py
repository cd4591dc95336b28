"""Posting enrollments as people and servers do, and looking at what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bursar.enrollments import api, models
from bursar.enrollments.data import Attribute, EnrollmentEntry, OnExisting
from bursar.enrollments.tests.scenes import RUN
from bursar.outbox.models import Event
from tests.cast import BOB, OLGA

PATH = "/api/enrollment/v1/enrollment"
KEY = "a shared key of 34 characters, ok?"
WITH_KEY = {"X-Edx-Api-Key": KEY}

SERVER = None
"""Who posts with the key and has no account."""

PRIVILEGED = pytest.mark.parametrize("by", [OLGA, SERVER], ids=["staff", "server"])
ANYBODY = pytest.mark.parametrize("by", [BOB, OLGA, SERVER], ids=["person", "staff", "server"])

ORDER = {"namespace": "order", "name": "order_number", "value": "EDX-1"}


def name_of(fields):
    """What a test calls these fields; moments differ in each process."""
    return " ".join(fields) or "nothing"


def put_in(member, mode="audit", *, is_active=True, attributes=None):
    """The person is in the run already, or was."""
    noted = None if attributes is None else tuple(Attribute(**each) for each in attributes)
    entry = EnrollmentEntry(
        member.lms_user_id,
        RUN,
        mode,
        force=True,
        existing=OnExisting.SET,
        is_active=is_active,
        attributes=noted,
        may_enter_expired=True,
    )
    (outcome,) = api.enroll([entry], by=None)
    assert outcome.created, outcome


def attributes_of(member):
    return models.Enrollment.objects.get(lms_user_id=member.lms_user_id, run_key=RUN).attributes


def history_of(member):
    """What happened to a person's place, by whom: the oldest first."""
    rows = models.Enrollment.history.filter(lms_user_id=member.lms_user_id).order_by("history_id")
    return list(rows.values_list("history_type", "mode", "is_active", "history_user_id"))


@contextmanager
def told() -> Iterator[list[tuple]]:
    """What others are told because of the block: kind, username, mode and activity of each fact."""
    before = set(Event.objects.values_list("uuid", flat=True))
    facts: list[tuple] = []
    yield facts
    kinds = ("enrollment.created", "enrollment.changed", "enrollment.ended")
    for event in Event.objects.filter(type__in=kinds).exclude(uuid__in=before):
        facts += [(event.type, fact["username"], fact["mode"], fact["is_active"]) for fact in event.facts]


def assert_answered(answer, mode, *, is_active=True, user="bob"):
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["user"], said["mode"], said["is_active"]) == (user, mode, is_active)


def assert_refused(answer, status, code, *more_keys):
    """A no has the LMS's key and our code, which stands in a header as well."""
    assert answer.status_code == status, answer.content
    assert answer.json().keys() == {"message", "code", *more_keys}
    assert answer.json()["code"] == answer["Bursar-Error-Code"] == code
    assert answer.json()["message"]


def assert_hidden(answer):
    """The LMS's no for the places of other people."""
    assert (answer.status_code, answer.content) == (404, b"")


def assert_nothing_was_written():
    for model in (models.Enrollment, models.CohortMember, models.EmailOptIn):
        assert not model.objects.exists(), model
    assert not Event.objects.filter(type__startswith="enrollment.").exists()
