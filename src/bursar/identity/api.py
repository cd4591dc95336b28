"""The door of identity: people, their roles, their tokens; who makes a request.

Everything runs in the caller's transaction, if there is one.
"""

from bursar.identity.authentication import (
    JwtAuthentication,
    SessionAuthentication,
    accept_token_cookies,
    get_caller,
)
from bursar.identity.keys import list_public_keys
from bursar.identity.models import Counter
from bursar.identity.service.accounts import (
    check_confirmation,
    check_sign_up_attempts,
    confirm_address,
    confirm_addresses,
    request_confirmation,
    set_active_customer,
    sign_in,
    sign_out,
    sign_up,
    start_session,
)
from bursar.identity.service.changing import change_person, check_person_change
from bursar.identity.service.people import (
    find_people_by_email,
    find_people_by_lms_user_id,
    find_people_by_username,
    get_person,
)
from bursar.identity.service.programs import issue_token_to_program
from bursar.identity.service.retirement import (
    begin_retirements,
    cancel_retirements,
    complete_retirements,
    find_retirement,
    request_retirements,
)
from bursar.identity.service.roles import (
    assign_roles,
    find_role_holders,
    list_people_with_role,
    withdraw_roles,
)
from bursar.identity.service.saving import save_people, save_service_accounts
from bursar.identity.tokens import delete_token_cookies, issue_token, set_token_cookies

__all__ = [
    "JwtAuthentication",
    "SessionAuthentication",
    "accept_token_cookies",
    "assign_roles",
    "begin_retirements",
    "cancel_retirements",
    "change_person",
    "check_confirmation",
    "check_person_change",
    "check_sign_up_attempts",
    "complete_retirements",
    "confirm_address",
    "confirm_addresses",
    "delete_token_cookies",
    "find_people_by_email",
    "find_people_by_lms_user_id",
    "find_people_by_username",
    "find_retirement",
    "find_role_holders",
    "get_caller",
    "get_highest_lms_user_id",
    "get_person",
    "issue_token",
    "issue_token_for_email",
    "issue_token_to_program",
    "list_people_with_role",
    "list_public_keys",
    "request_confirmation",
    "request_retirements",
    "save_people",
    "save_service_accounts",
    "set_active_customer",
    "set_token_cookies",
    "sign_in",
    "sign_out",
    "sign_up",
    "start_session",
    "withdraw_roles",
]


def get_highest_lms_user_id() -> int:
    """The highest LMS user id that this installation gave out itself; 0 when all came from elsewhere."""
    return Counter.highest_lms_user_id()


def issue_token_for_email(email: str) -> str:
    """A token for whoever has this address; raises PersonNotFound."""
    return issue_token(lms_user_id=get_person(email=email).lms_user_id)
