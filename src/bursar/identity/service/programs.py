"""Programs that prove themselves by a client id and a secret."""

from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest

from bursar.identity.data import PersonNotFound, ProgramRefused
from bursar.identity.models import ServiceAccount
from bursar.identity.throttling import check_attempts, count_attempt, counters_of
from bursar.identity.tokens import BY_CLIENT_CREDENTIALS, issue_token


def issue_token_to_program(request: HttpRequest, *, client_id: str, client_secret: str) -> str:
    """A token with the roles of the program's account, good for one hour, if these are its credentials.

    Raises ProgramRefused, and TooManyAttempts after too many wrong secrets; the request says where they
    come from. Checking the secret takes 0.3 s, whether there is such a program or not. Three queries.
    """
    refused = ProgramRefused("The client id or the secret is not right, or the account is closed.")
    counters = counters_of("program", client_id, request)
    for action, who in counters:
        check_attempts(action, who)
    program = _find_program(client_id)
    if program is None:
        make_password(client_secret)  # takes as long as a wrong secret of a program that exists
    elif check_password(client_secret, program.secret_hash):
        try:
            return issue_token(lms_user_id=program.user.lms_user_id, grant_type=BY_CLIENT_CREDENTIALS)
        except PersonNotFound as error:
            raise refused from error
    for action, who in counters:
        count_attempt(action, who)
    raise refused


def _find_program(client_id: str) -> ServiceAccount | None:
    if "\0" in client_id:
        return None
    program = ServiceAccount.objects.select_related("user").filter(client_id=client_id).first()
    # MariaDB takes an id with blanks at its end for the id, and each spelling would have guesses of its own.
    return program if program is not None and program.client_id == client_id else None
