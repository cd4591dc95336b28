"""The first page: what is here, and who you are here."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bursar.customers import api as customers
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, ANY_CUSTOMER, LEARNER, OPERATOR, Grant


@dataclass(frozen=True)
class Membership:
    """What a person may do for one customer."""

    name: str
    slug: str
    roles: list[str]


@identity.accept_token_cookies
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What Bursar is, for strangers; whom it takes you for, once you are signed in."""
    if not request.user.is_authenticated:
        return render(request, "portal/home.html")
    caller = identity.get_caller(request)
    person = identity.find_people_by_lms_user_id([caller.lms_user_id])[caller.lms_user_id]
    context = {"person": person, "memberships": _memberships(caller.grants)}
    return render(request, "portal/home_signed_in.html", context)


def _memberships(grants: frozenset[Grant]) -> list[Membership]:
    roles: dict[str, list[str]] = defaultdict(list)
    for grant in sorted(grants, key=str):
        roles[grant.context].append(_role_names().get(grant.role, grant.role))
    uuids = {context: uuid for context in roles if (uuid := _uuid(context))}
    known = customers.find_customers(list(uuids.values()))
    listed = []
    for context, names in roles.items():
        customer = known.get(uuids[context]) if context in uuids else None
        name = _("Every customer") if context == ANY_CUSTOMER else context
        listed.append(
            Membership(customer.name if customer else name, customer.slug if customer else "", sorted(names))
        )
    return sorted(listed, key=lambda membership: membership.name.casefold())


def _role_names() -> dict[str, str]:
    return {ADMIN: _("Administrator"), LEARNER: _("Learner"), OPERATOR: _("Operator")}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
