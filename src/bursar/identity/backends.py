"""How a password proves who somebody is."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from bursar.identity.data import ANY_CUSTOMER, OPERATOR, TooManyAttempts
from bursar.identity.models import RoleAssignment, User
from bursar.identity.throttling import check_attempts, count_attempt, counters_of
from bursar.lib import emails


class UsernameOrAddressBackend(ModelBackend):
    """Username or e-mail address, with the password; closed accounts are refused.

    Wrong passwords are counted here, so that the Django admin's own sign-in is guarded as well. Staff
    who operate the platform may see and do everything in it; being staff alone opens its door and
    nothing behind it.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        try:
            check_sign_in_attempts(request, username)
        except TooManyAttempts as error:
            raise PermissionDenied from error
        user = _find_user(username)
        if user is None:
            User().set_password(password)  # takes as long as a wrong password for an account that exists
        elif user.check_password(password) and self.user_can_authenticate(user):
            return user
        for action, who in _counters(request, username):
            count_attempt(action, who)
        return None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return _operates(user_obj) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether the Django admin lists this app for the person."""
        return _operates(user_obj) or super().has_module_perms(user_obj, app_label)


def _operates(user: Any) -> bool:
    if not (isinstance(user, User) and user.is_active and user.is_staff):
        return False
    if not hasattr(user, "_operates_the_platform"):  # asked many times for one page
        rows = RoleAssignment.objects.filter(
            lms_user_id=user.lms_user_id, role=OPERATOR, context=ANY_CUSTOMER
        )
        user._operates_the_platform = rows.exists()  # type: ignore[attr-defined]
    operates: bool = user._operates_the_platform  # type: ignore[attr-defined]
    return operates


def check_sign_in_attempts(request: HttpRequest | None, login: str) -> None:
    """Raises TooManyAttempts when too many wrong passwords came from where this request comes from."""
    for action, who in _counters(request, login):
        check_attempts(action, who)


def _counters(request: HttpRequest | None, login: str) -> list[tuple[str, str]]:
    return counters_of("sign_in", emails.normalize(login), request)


def _find_user(login: str) -> User | None:
    if "\0" in login:
        return None
    if "@" in login:
        return User.objects.filter(email_key=emails.normalize(login)).first()
    return User.objects.filter(username=login).first()
