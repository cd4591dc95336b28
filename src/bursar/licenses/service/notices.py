"""Mails to holders of licenses, and about plans."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import FilteredRelation, Q

from bursar.catalog import api as catalog
from bursar.customers import api as customers
from bursar.identity import api as identity
from bursar.identity.data import OPERATOR
from bursar.licenses import models
from bursar.licenses.data import MailKind, Notice
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage

_TEMPLATES = {
    MailKind.ASSIGNMENT: "licenses/assigned",
    MailKind.REMINDER: "licenses/reminder",
    MailKind.ACTIVATION: "licenses/activated",
    MailKind.AUTO_APPLY: "licenses/auto_applied",
}
_ONBOARDING = (MailKind.ASSIGNMENT, MailKind.ACTIVATION, MailKind.AUTO_APPLY)


class Recipient(NamedTuple):
    """A holder of a license. ``occasion`` tells two mails of one kind about one license apart."""

    license_uuid: UUID
    email: str
    activation_key: UUID | None
    occasion: str
    lms_user_id: int | None = None


def mail_holders(
    kind: MailKind, plan: models.Plan, recipients: Iterable[Recipient], *, notice: Notice, by: int | None
) -> None:
    """Has each holder mailed, if the caller's transaction commits; nobody twice on the same occasion.

    What the request does not word is in the customer's own words, or in ours. Customers who switched
    onboarding mails off get none but reminders.
    Effects: three statements and one for each 1,000 mails; three more for a course.
    """
    listed = list(recipients)
    if not listed:
        return
    letter = _find_letter(kind, plan)
    if kind in _ONBOARDING and letter["disables_onboarding"]:
        return
    context = _context(plan, letter, notice)
    messages = [
        NewMessage(
            template=_TEMPLATES[kind],
            customer_uuid=plan.customer_uuid,
            email=each.email,
            about=f"license:{each.license_uuid}:{each.occasion}",
            context={**context, "activation_key": str(each.activation_key)},
            lms_user_id=each.lms_user_id,
        )
        for each in listed
    ]
    notifications.send(messages, by=by)


def _find_letter(kind: MailKind, plan: models.Plan) -> dict[str, Any]:
    """The customer's name and its own words for this kind of mail. One query."""
    agreements = models.Agreement.objects.annotate(
        wording=FilteredRelation("wordings", condition=Q(wordings__kind=kind))
    ).filter(pk=plan.agreement_id)
    columns = ("customer_name", "customer_slug", "disable_onboarding_notifications")
    name, slug, disables_onboarding, greeting, closing = agreements.values_list(
        *columns, "wording__greeting", "wording__closing"
    ).get()
    return {
        "name": name or "",
        "slug": slug or "",
        "disables_onboarding": disables_onboarding,
        "greeting": greeting or "",
        "closing": closing or "",
    }


def _context(plan: models.Plan, letter: dict[str, Any], notice: Notice) -> dict[str, Any]:
    customer = customers.find_customers([plan.customer_uuid]).get(plan.customer_uuid)
    slug = letter["slug"] or (customer.slug if customer else "")
    context = {
        "customer_name": letter["name"] or (customer.name if customer else ""),
        "customer_slug": slug,
        "contact_email": customer.contact_email if customer else "",
        "greeting": notice.greeting or letter["greeting"],
        "closing": notice.closing or letter["closing"],
        "expires_on": plan.expires_at.date().isoformat(),
    }
    if notice.course_key:
        course = catalog.find_courses([notice.course_key]).get(notice.course_key)
        context["course_title"] = course.title if course else notice.course_key
        if settings.HAS_LEARNER_PORTAL:
            context["course_path"] = f"/{slug}/course/{notice.course_key}"
    return context


def mail_revocations_used_up(plan: models.Plan, *, by: int | None) -> None:
    """Tells customer success, or else the platform's operators, that the plan's revocations are used up.

    Effects: at most four statements.
    """
    named = settings.CUSTOMER_SUCCESS_EMAIL
    recipients: dict[str, int | None] = {named: None} if named else {}
    if not named:
        operators = identity.list_people_with_role(OPERATOR, customer_uuid=None)
        recipients = {person.email: person.lms_user_id for person in operators if person.email}
    agreement = models.Agreement.objects.get(pk=plan.agreement_id)
    messages = [
        NewMessage(
            template="licenses/revocations_used_up",
            customer_uuid=plan.customer_uuid,
            email=email,
            about=f"plan:{plan.pk}:revocations:{plan.revocation_count}",
            context={
                "customer_name": str(agreement),
                "plan_title": plan.title,
                "plan_path": f"/admin/licenses/plan/{plan.pk}/change/",
                "revocation_count": plan.revocation_count,
                "percent": plan.revoke_max_percent,
            },
            lms_user_id=lms_user_id,
        )
        for email, lms_user_id in recipients.items()
    ]
    notifications.send(messages, by=by)
