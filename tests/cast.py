"""The people of all tests, and their organizations (a pytest plugin, loaded by the root ``conftest.py``).

Alice administers Acme, where Bob, Dana and Erin learn; its catalog holds every course. Carol administers
Globex, where Gus learns; its catalog holds CS50 alone. Olga operates the platform. Stray belongs nowhere.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from bursar.catalog import api as catalog
from bursar.catalog.data import EVERYTHING, CatalogToSave, CourseToSave, ModeToSave, PartnerToSave, RunToSave
from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave
from bursar.identity import api as identity
from bursar.identity.data import ANY_CUSTOMER, OPERATOR, Grant, PersonToSave
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses.data import AgreementToSave, Plan, PlanToSave
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import ConfigurationToSave, NewRequest, SubsidyType
from tests.rows import RowsMade, rows_made_by

ACME = uuid.UUID("a0000000-0000-4000-8000-000000000001")
GLOBEX = uuid.UUID("b0000000-0000-4000-8000-000000000001")
NOWHERE = uuid.UUID("f0000000-0000-4000-8000-000000000001")

PYTHON = "MITx+6.00.1x"
PYTHON_RUN = "course-v1:MITx+6.00.1x+2T2026"
PYTHON_CLOSED_RUN = "course-v1:MITx+6.00.1x+1T2026"
CS50 = "HarvardX+CS50"
CS50_RUN = "course-v1:HarvardX+CS50+X"

_PEOPLE = {
    "olga": (1, "bursar.test"),
    "alice": (10, "acme.test"),
    "bob": (11, "acme.test"),
    "dana": (12, "acme.test"),
    "erin": (13, "acme.test"),
    "carol": (20, "globex.test"),
    "gus": (21, "globex.test"),
    "stray": (30, "nowhere.test"),
}


@dataclass(frozen=True)
class Member:
    """One of the cast."""

    username: str
    email: str
    lms_user_id: int


PEOPLE = {name: Member(name, f"{name}@{host}", number) for name, (number, host) in _PEOPLE.items()}
ALICE, BOB, CAROL, DANA, ERIN, GUS, OLGA, STRAY = (
    PEOPLE[name] for name in ("alice", "bob", "carol", "dana", "erin", "gus", "olga", "stray")
)


@dataclass(frozen=True)
class Organization:
    """A customer, with what tests need of it."""

    uuid: uuid.UUID
    slug: str

    def plan(
        self, *, free: int = 10, title: str | None = None, days_left: int = 100, **fields: object
    ) -> Plan:
        """A current plan with this many free licenses."""
        plan_uuid = uuid.uuid4()
        starts_at = clock.now() - timedelta(days=200)
        wanted = PlanToSave(
            uuid=plan_uuid,
            customer_uuid=self.uuid,
            title=title or f"Plan {plan_uuid}",
            catalog_uuid=None,
            starts_at=starts_at,
            expires_at=clock.now() + timedelta(days=days_left),
            license_count=free,
            **fields,  # type: ignore[arg-type]
        )
        licenses.save_plans([wanted])
        return licenses.find_plans([plan_uuid])[plan_uuid]

    def takes_requests(self, *, of: SubsidyType | None = SubsidyType.LICENSE, enabled: bool = True) -> None:
        """Configures requests."""
        wanted = ConfigurationToSave(self.uuid, is_enabled=enabled, subsidy_type=of)
        subsidy_requests.save_configurations([wanted], by=None)

    def learners(self, count: int) -> list[Member]:
        """That many more linked learners with accounts."""
        made = [
            Member(f"{self.slug}{number}", f"learner{number}@{self.slug}.test", 10_000 + number)
            for number in range(count)
        ]
        identity.save_people(
            [
                PersonToSave(each.email, each.username, each.username, lms_user_id=each.lms_user_id)
                for each in made
            ]
        )
        customers.link_learners(customer_uuid=self.uuid, emails=[each.email for each in made], by=None)
        return made

    def requests_of(self, learners: list[Member], course: str = PYTHON) -> list[uuid.UUID]:
        """An open license request of each learner, in their order."""
        from bursar.subsidy_requests import models

        subsidy_requests.open_requests(
            [
                NewRequest(SubsidyType.LICENSE, self.uuid, each.lms_user_id, each.email, course)
                for each in learners
            ],
            by=None,
        )
        rows = dict(
            models.LicenseRequest.objects.filter(customer_uuid=self.uuid, is_open=1).values_list(
                "lms_user_id", "uuid"
            )
        )
        return [rows[each.lms_user_id] for each in learners]


@pytest.fixture
def cast(cast_rows: RowsMade, db: None) -> None:
    """Everybody, and the courses."""
    if abs(clock.now() - cast_rows.at) < timedelta(hours=1):
        cast_rows.put_in()
    else:  # the test has another time, and courses begin and end by it
        make_cast()


@pytest.fixture(scope="session")
def cast_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> RowsMade:
    """The rows of the cast, made once: that takes a hundred statements, putting them in again two dozen."""
    with django_db_blocker.unblock():
        return rows_made_by(make_cast)


def make_cast() -> None:
    """The same for tests that bring their own database."""
    identity.save_people(
        [
            PersonToSave(
                each.email,
                each.username,
                each.username.title(),
                lms_user_id=each.lms_user_id,
                password="demo",
                is_staff=each is OLGA,
                roles=(Grant(OPERATOR, ANY_CUSTOMER),) if each is OLGA else (),
            )
            for each in PEOPLE.values()
        ]
    )
    now = clock.now()
    open_modes = (ModeToSave("audit"), ModeToSave("verified", price_cents=14_900))
    catalog.save_courses(
        [
            CourseToSave(
                PYTHON,
                "Introduction to Programming in Python",
                partners=(PartnerToSave("MITx", "Massachusetts Institute of Technology"),),
                advertised_run_key=PYTHON_RUN,
                runs=(
                    RunToSave(PYTHON_RUN, start=now - timedelta(days=10), modes=open_modes),
                    RunToSave(
                        PYTHON_CLOSED_RUN,
                        start=now - timedelta(days=200),
                        enrollment_end=now - timedelta(days=190),
                        is_enrollable=False,
                        modes=open_modes,
                    ),
                ),
            ),
            CourseToSave(
                CS50,
                "Introduction to Computer Science",
                partners=(PartnerToSave("HarvardX", "Harvard University"),),
                advertised_run_key=CS50_RUN,
                runs=(RunToSave(CS50_RUN, start=now - timedelta(days=10), modes=open_modes),),
            ),
        ]
    )
    customers.save_customers(
        [
            CustomerToSave(ACME, "Acme", "acme", contact_email="learning@acme.test"),
            CustomerToSave(GLOBEX, "Globex", "globex", contact_email="hr@globex.test"),
        ]
    )
    catalog.save_catalogs(
        [
            CatalogToSave(uuid.uuid5(ACME, "catalog"), ACME, "Everything", (EVERYTHING,)),
            CatalogToSave(uuid.uuid5(GLOBEX, "catalog"), GLOBEX, "Computing", (CS50,)),
        ]
    )
    customers.make_admins(customer_uuid=ACME, emails=[ALICE.email], by=None)
    customers.make_admins(customer_uuid=GLOBEX, emails=[CAROL.email], by=None)
    customers.link_learners(customer_uuid=ACME, emails=[each.email for each in (BOB, DANA, ERIN)], by=None)
    customers.link_learners(customer_uuid=GLOBEX, emails=[GUS.email], by=None)
    licenses.save_agreements(
        [AgreementToSave(ACME, "acme", "Acme"), AgreementToSave(GLOBEX, "globex", "Globex")]
    )


@pytest.fixture
def acme(cast: None) -> Organization:
    """Alice's organization."""
    return Organization(ACME, "acme")


@pytest.fixture
def globex(cast: None) -> Organization:
    """Carol's organization."""
    return Organization(GLOBEX, "globex")


Client = Callable[[Member | None], APIClient]


@pytest.fixture
def client_of(cast: None) -> Client:
    """An API client that one of the cast uses, signed in by a token; None is nobody."""

    def make(member: Member | None) -> APIClient:
        client = APIClient()
        if member is not None:
            token = identity.issue_token(lms_user_id=member.lms_user_id)
            client.credentials(HTTP_AUTHORIZATION=f"JWT {token}")
        return client

    return make
