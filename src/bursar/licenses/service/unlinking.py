"""Taking learners away from a customer long after their plan is over. Contract: subsidies A.3."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from bursar.customers import api as customers
from bursar.customers.data import CustomerNotFound
from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import LIVE, Sweep
from bursar.licenses.service import seats
from bursar.licenses.service.renewing import GOES_ON
from bursar.licenses.service.sweeping import sweep


def unlink_expired_learners() -> Sweep:
    """Unlinks learners whose plan has been over for as long as the operator allows; they may be linked again.

    Nobody is unlinked who holds a live license of another plan of the customer that is not over, and nobody
    at all unless the operator has set BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER, for it takes access away.
    Effects: for each plan two queries, ``customers.api.unlink_learners`` for 1,000 addresses at a time, and a
    transaction that writes down that it is done; after a crash before that the next run does it again.
    """
    after = settings.UNLINK_EXPIRED_LEARNERS_AFTER
    if after is None:
        return Sweep()
    ended = models.Plan.objects.filter(is_expiration_processed=True, expires_at__lt=clock.now() - after)
    due = ended.filter(unlinked_at__isnull=True).order_by("expires_at", "pk")
    return sweep("unlink_expired_learners", list(due.values_list("pk", flat=True)), _unlink)


def _unlink(plan_uuid: UUID) -> int:
    """How many learners were unlinked."""
    plan = models.Plan.objects.get(pk=plan_uuid)
    count = 0
    for chunk in sets.chunks(_find_addresses(plan)):
        try:
            outcomes = customers.unlink_learners(
                customer_uuid=plan.customer_uuid, emails=chunk, is_relinkable=True, by=None
            )
        except CustomerNotFound:
            break  # it is switched off: nobody learns there
        count += sum(outcome.unlinked or outcome.removed for outcome in outcomes)
    _note_unlinked(plan)
    return count


def _find_addresses(plan: models.Plan) -> list[str]:
    """Who holds a license of the plan that does not go on in another, and none of a plan that is not over."""
    others = models.License.objects.filter(
        status__in=LIVE,
        plan__customer_uuid=plan.customer_uuid,
        plan__is_active=True,
        plan__expires_at__gte=clock.now(),
    )
    holders = models.License.objects.filter(~GOES_ON, plan=plan, status__in=LIVE).exclude(
        Exists(others.filter(email=OuterRef("email")))
    )
    # Somebody may have another address by now.
    holders = holders.exclude(Exists(others.filter(lms_user_id=OuterRef("lms_user_id"))))
    return [email for email in holders.order_by("pk").values_list("email", flat=True) if email is not None]


@transaction.atomic(durable=True)
def _note_unlinked(seen: models.Plan) -> None:
    plan = seats.lock_plan(seen.pk)
    if plan.expires_at != seen.expires_at:
        return  # it was prolonged meanwhile: that is another end
    models.Plan.objects.filter(pk=plan.pk).update(unlinked_at=clock.now(), modified_at=clock.now())
    sets.record_history(models.Plan, [plan.pk], kind="~", by=None, reason="learners unlinked")
