"""Two customers with one of everything, the people around them, and ids that nobody has."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from bursar.customers import api as customers
from bursar.customers.data import BulkPair
from bursar.identity import api as identity
from bursar.identity.data import ANY_CUSTOMER, OPERATOR, Grant, PersonToSave
from bursar.licenses import api as licenses
from bursar.licenses.data import BulkRow
from bursar.licenses.models import Agreement, PlanType, Product, Renewal
from bursar.subsidy_requests import models as requests
from tests import cast
from tests.cast import Member, Organization

ANONYMOUS = "nobody"
OUTSIDER = "somebody without a role at this customer"
LEARNER = "a learner of this customer"
OWNER = "the learner whose row it is"
ADMIN = "an administrator of this customer"
OPERATOR_ = "an operator"
STAFF = "staff without a role"
OPERATING_STAFF = "an operator who is staff as well"

SIGNED_IN = (OUTSIDER, LEARNER, OWNER, ADMIN, OPERATOR_, STAFF)
OF_THE_PLATFORM = (OPERATOR_, STAFF, OPERATING_STAFF)
EVERYBODY = (ANONYMOUS, *SIGNED_IN)

PRODUCT = 700_000
"""What plans are sold as."""

SAM = Member("sam", "sam@bursar.test", 2)
OPAL = Member("opal", "opal@bursar.test", 3)
HAL = Member("hal", "hal@globex.test", 22)
IVY = Member("ivy", "ivy@globex.test", 23)

PEOPLE: dict[str, Member | None] = {
    "nobody": None,
    "stray": cast.STRAY,
    "erin (learner of Acme)": cast.ERIN,
    "bob (owner at Acme)": cast.BOB,
    "alice (admin of Acme)": cast.ALICE,
    "hal (learner of Globex)": HAL,
    "gus (owner at Globex)": cast.GUS,
    "carol (admin of Globex)": cast.CAROL,
    "olga (operator and staff)": cast.OLGA,
    "opal (operator)": OPAL,
    "sam (staff)": SAM,
}


@dataclass(frozen=True)
class Ids:
    """What a call may name of one customer: everything here is of its owner, where it is of a person."""

    customer: uuid.UUID = field(default_factory=uuid.uuid4)
    slug: str = "nowhere"
    agreement: uuid.UUID = field(default_factory=uuid.uuid4)
    plan: uuid.UUID = field(default_factory=uuid.uuid4)
    request: uuid.UUID = field(default_factory=uuid.uuid4)
    license: uuid.UUID = field(default_factory=uuid.uuid4)
    activation_key: uuid.UUID = field(default_factory=uuid.uuid4)
    fulfillment: uuid.UUID = field(default_factory=uuid.uuid4)
    job: uuid.UUID = field(default_factory=uuid.uuid4)
    renewal: int = 987_655
    user_id: int = 987_654
    invite_key: uuid.UUID = field(default_factory=uuid.uuid4)
    email: str = "nobody@nowhere.test"
    username: str = "nobody"

    def as_texts(self) -> dict[str, str]:
        return {each.name: str(getattr(self, each.name)) for each in fields(self)}


@dataclass(frozen=True)
class Side:
    """One customer, and what only its own people may read of it."""

    ids: Ids
    relations: dict[Member, str]
    secrets: frozenset[str]
    private: dict[Member, frozenset[str]]
    """What of a learner is neither for outsiders nor for other learners."""

    def relation_of(self, person: Member | None) -> str:
        return self.relations.get(person, OUTSIDER) if person else ANONYMOUS

    def hidden_from(self, person: Member | None) -> frozenset[str]:
        """What no answer to this person may have in it."""
        relation = self.relation_of(person)
        if relation in (ANONYMOUS, OUTSIDER):
            return self.secrets
        if relation in (LEARNER, OWNER):
            return frozenset().union(*(hidden for owner, hidden in self.private.items() if owner != person))
        return frozenset()


@dataclass(frozen=True)
class World:
    """Acme and Globex, which mirror each other, and the clients of all people."""

    acme: Side
    globex: Side
    client_of: Callable[[Member | None, bool], APIClient]

    missing = Ids()


def make_world() -> World:
    """Two customers: each has a plan, an invite key, an open request and a license of two learners each."""
    cast.make_cast()
    identity.save_people(
        [
            PersonToSave(SAM.email, SAM.username, "Sam", lms_user_id=SAM.lms_user_id, is_staff=True),
            PersonToSave(
                OPAL.email,
                OPAL.username,
                "Opal",
                lms_user_id=OPAL.lms_user_id,
                roles=(Grant(OPERATOR, ANY_CUSTOMER),),
            ),
            PersonToSave(HAL.email, HAL.username, "Hal", lms_user_id=HAL.lms_user_id),
            PersonToSave(IVY.email, IVY.username, "Ivy", lms_user_id=IVY.lms_user_id),
        ]
    )
    kind = PlanType.objects.create(label="Standard", description="Paid")
    Product.objects.create(pk=PRODUCT, name="Licenses", plan_type=kind)
    customers.link_learners(customer_uuid=cast.GLOBEX, emails=[HAL.email, IVY.email], by=None)
    return World(
        acme=_make_side(
            Organization(cast.ACME, "acme"),
            admin=cast.ALICE,
            owner=cast.BOB,
            colleague=cast.DANA,
            learner=cast.ERIN,
        ),
        globex=_make_side(
            Organization(cast.GLOBEX, "globex"), admin=cast.CAROL, owner=cast.GUS, colleague=IVY, learner=HAL
        ),
        client_of=_clients(),
    )


def _make_side(
    organization: Organization, *, admin: Member, owner: Member, colleague: Member, learner: Member
) -> Side:
    organization.takes_requests()
    plan = organization.plan(title=f"The plan of {organization.slug}")
    requested = organization.requests_of([owner, colleague], cast.CS50)
    for request in requests.LicenseRequest.objects.filter(pk__in=requested):
        # Of the same uuid, so that an id stands for both.
        requests.CouponCodeRequest.objects.create(
            uuid=request.pk,
            customer_uuid=organization.uuid,
            lms_user_id=request.lms_user_id,
            email=request.email,
            course_key=cast.CS50,
            created_at=request.created_at,
            modified_at=request.modified_at,
        )
    assigned = licenses.assign(plan_uuid=plan.uuid, addresses=[owner.email, colleague.email], by=None)
    customers.switch_universal_link(customer_uuid=organization.uuid, is_on=True, by=None)
    (invite_key,) = customers.list_invite_keys(customer_uuid=organization.uuid)
    private = {
        person: frozenset(
            {person.email, str(request), str(license_.license_uuid), str(license_.activation_key)}
        )
        for person, request, license_ in zip((owner, colleague), requested, assigned, strict=True)
    }
    (enrolled,) = customers.enroll_in_bulk(
        customer_uuid=organization.uuid,
        pairs=[BulkPair(cast.CS50_RUN, owner.email, license_uuid=str(assigned[0].license_uuid))],
        by=None,
    )
    job = licenses.start_bulk_enrollment(
        customer_uuid=organization.uuid,
        plan_uuid=None,
        rows=[BulkRow(1, owner.email, cast.CS50_RUN)],
        notify=False,
        by=admin.lms_user_id,
    )
    renewal = Renewal.objects.create(
        pk=700_000 + admin.lms_user_id,  # a number that stands for nothing else in an answer
        prior_plan_id=plan.uuid,
        license_count=10,
        effective_at=plan.expires_at,
        renewed_expires_at=plan.expires_at + timedelta(days=365),
    )
    configuration = requests.Configuration.objects.get(pk=organization.uuid)
    agreement = Agreement.objects.get(customer_uuid=organization.uuid)
    return Side(
        ids=Ids(
            customer=organization.uuid,
            slug=organization.slug,
            agreement=agreement.pk,
            plan=plan.uuid,
            request=requested[0],
            license=assigned[0].license_uuid,
            activation_key=assigned[0].activation_key,
            fulfillment=enrolled.fulfillment_uuid,
            job=job,
            renewal=renewal.pk,
            user_id=owner.lms_user_id,
            invite_key=invite_key.uuid,
            email=owner.email,
            username=owner.username,
        ),
        relations={
            admin: ADMIN,
            owner: OWNER,
            colleague: LEARNER,
            learner: LEARNER,
            cast.OLGA: OPERATING_STAFF,
            OPAL: OPERATOR_,
            SAM: STAFF,
        },
        secrets=frozenset(
            {
                str(organization.uuid),
                str(agreement.pk),
                str(plan.uuid),
                plan.title,
                admin.email,
                str(configuration.pk),
                str(enrolled.fulfillment_uuid),
                str(job),
                str(invite_key.uuid),
            }
        ).union(*private.values()),
        private=private,
    )


def _clients() -> Callable[[Member | None, bool], APIClient]:
    """Clients by person; with the second argument signed in by session, as in a browser."""
    known: dict[tuple[Any, bool], APIClient] = {}

    def client_of(person: Member | None, by_session: bool = False) -> APIClient:
        if (person, by_session) not in known:
            client = APIClient(raise_request_exception=False)
            if person is not None and by_session:
                client.force_login(get_user_model().objects.get(lms_user_id=person.lms_user_id))
            elif person is not None:
                token = identity.issue_token(lms_user_id=person.lms_user_id)
                client.credentials(HTTP_AUTHORIZATION=f"JWT {token}")
            known[person, by_session] = client
        return known[person, by_session]

    return client_of
