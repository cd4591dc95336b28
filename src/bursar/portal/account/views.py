"""Signing in, up and out, and confirming an address."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from bursar.identity import api as identity
from bursar.identity.data import (
    ConfirmationInvalid,
    SignInRefused,
    SignUpRefused,
    TooManyAttempts,
)
from bursar.portal.account.forms import SignInForm, SignUpForm


@sensitive_post_parameters("password")
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page. Starts a session and sets the token cookies."""
    goes_to = _next(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return _welcome(request, goes_to)
        return _sign_in_page(request, SignInForm(), goes_to)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _sign_in_page(request, form, goes_to, status=400)
    try:
        identity.sign_in(request, **form.cleaned_data)
    except SignInRefused as refusal:
        form.add_error(None, refusal.message)
        return _sign_in_page(request, form, goes_to, status=400)
    except TooManyAttempts as refusal:
        form.add_error(None, refusal.message)
        return _later(_sign_in_page(request, form, goes_to, status=429), refusal)
    return _welcome(request, goes_to)


@identity.accept_token_cookies
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """Asks first when it is only a link; ends the session and forgets the token when it is a POST.

    Beside an LMS the token is the LMS's: it leads on to where that is forgotten.
    """
    if request.method != "POST":
        return render(request, "portal/account/sign_out.html")
    identity.sign_out(request)
    if settings.LMS_URL:
        return redirect(f"{settings.LMS_URL}/logout")
    response = redirect("home")
    identity.delete_token_cookies(response)
    return response


@sensitive_post_parameters("password")
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """The registration page. Makes the account, signs it in, and has the confirmation link mailed."""
    goes_to = _next(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(goes_to)
        return _sign_up_page(request, SignUpForm(), goes_to)
    form = SignUpForm(request.POST)
    if not form.is_valid():
        return _sign_up_page(request, form, goes_to, status=400)
    asked = form.cleaned_data
    try:
        identity.check_sign_up_attempts(request)
        person = identity.sign_up(
            email=asked["email"],
            username=asked["username"],
            name=asked["name"],
            password=asked["password"],
            accepts_terms=asked["terms_of_service"],
        )
    except SignUpRefused as refusal:
        for field, message in refusal.errors.items():
            form.add_error(field, message)
        return _sign_up_page(request, form, goes_to, status=409 if refusal.is_conflict else 400)
    except TooManyAttempts as refusal:
        form.add_error(None, refusal.message)
        return _later(_sign_up_page(request, form, goes_to, status=429), refusal)
    identity.start_session(request, lms_user_id=person.lms_user_id)
    messages.success(request, _("Your account is made. A mail with a link is on its way to you."))
    return _welcome(request, goes_to)


@login_required
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def request_confirmation(request: HttpRequest) -> HttpResponse:
    """Sends the confirmation link again (POST), and leads back to the first page."""
    if request.method == "POST":
        caller = identity.get_caller(request)
        try:
            is_sent = identity.request_confirmation(lms_user_id=caller.lms_user_id)
        except TooManyAttempts as refusal:
            messages.error(request, refusal.message)
        else:
            if is_sent:
                messages.success(
                    request, _("A new link is on its way to %(email)s.") % {"email": caller.email}
                )
            else:
                messages.info(request, _("Your address is confirmed already."))
    return redirect("home")


@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the mailed link: says whose address it is; its button confirms it."""
    try:
        if request.method != "POST":
            person = identity.check_confirmation(token=token)
            page = "confirmed" if person.is_confirmed else "confirm"
            return render(request, f"portal/account/{page}.html", {"person": person, "is_new": False})
        confirmation = identity.confirm_address(token=token)
    except ConfirmationInvalid as refusal:
        return render(
            request, "portal/account/confirmation_invalid.html", {"reason": refusal.message}, status=400
        )
    shown = {"person": confirmation.person, "is_new": confirmation.is_new}
    response = render(request, "portal/account/confirmed.html", shown)
    if getattr(request.user, "lms_user_id", None) == confirmation.person.lms_user_id:
        # The token says whether the address is confirmed.
        identity.set_token_cookies(response, lms_user_id=confirmation.person.lms_user_id)
    return response


def _sign_in_page(request: HttpRequest, form: SignInForm, goes_to: str, *, status: int = 200) -> HttpResponse:
    form.start_here()
    return render(request, "portal/account/sign_in.html", {"form": form, "next": goes_to}, status=status)


def _sign_up_page(request: HttpRequest, form: SignUpForm, goes_to: str, *, status: int = 200) -> HttpResponse:
    form.start_here()
    return render(request, "portal/account/sign_up.html", {"form": form, "next": goes_to}, status=status)


def _welcome(request: HttpRequest, goes_to: str) -> HttpResponseRedirect:
    """On to where the person wanted to go, with a fresh token in the cookies."""
    response = HttpResponseRedirect(goes_to)
    identity.set_token_cookies(response, lms_user_id=identity.get_caller(request).lms_user_id)
    return response


def _later(response: HttpResponse, refusal: TooManyAttempts) -> HttpResponse:
    response["Retry-After"] = str(refusal.retry_after)
    return response


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is here or at a front end of ours; else the first page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    front_ends = {origin.partition("://")[2] for origin in settings.CORS_ALLOWED_ORIGINS}
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host(), *front_ends}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("home")
