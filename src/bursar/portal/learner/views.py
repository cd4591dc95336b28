"""The page behind the link of an assignment: a learner accepts the license."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from bursar.customers import api as customers
from bursar.identity import api as identity
from bursar.licenses import api as licenses
from bursar.licenses.data import LicenseNotFound, LicenseRevoked, Status


@identity.accept_token_cookies
@login_required
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def activate_license(request: HttpRequest, customer_slug: str, activation_key: UUID) -> HttpResponse:
    """Says which license it is (GET) and activates it (POST). The key works for its holder alone."""
    caller = identity.get_caller(request)
    if not caller.is_confirmed:
        return _refusal(request, _("Confirm your e-mail address first: the license waits for it."))
    try:
        license_, plan = licenses.get_own_license(activation_key=activation_key, email=caller.email)
        customer = customers.find_customers([plan.customer_uuid]).get(plan.customer_uuid)
        if customer is None or customer.slug != customer_slug:
            return _refusal(
                request, _("This link is not complete. Copy the whole of it from your mail."), status=404
            )
        if request.method == "POST":
            licenses.activate(
                activation_key=activation_key, email=caller.email, lms_user_id=caller.lms_user_id
            )
    except LicenseNotFound:
        sentence = _(
            "No current license of %(email)s belongs to this link. Did you sign in with another address?"
        )
        return _refusal(request, sentence % {"email": caller.email}, status=404)
    except LicenseRevoked as revoked:
        return _refusal(request, revoked.message, status=422)
    is_active = request.method == "POST" or license_.status == Status.ACTIVATED
    shown = {"plan": plan, "customer": customer, "is_active": is_active}
    return render(request, "portal/learner/license.html", shown)


def _refusal(request: HttpRequest, reason: str, *, status: int = 403) -> HttpResponse:
    return render(request, "portal/learner/license_refused.html", {"reason": reason}, status=status)
