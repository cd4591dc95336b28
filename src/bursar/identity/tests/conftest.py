"""The people of identity's own tests."""

from uuid import UUID

import pytest
from rest_framework.test import APIClient

from bursar.identity import api
from bursar.identity.data import OPERATOR, Grant, Person, PersonToSave

ACME = UUID("3f6c0e1a-7a43-4d0e-8c5b-0d8c6a1d9b11")
GLOBEX = UUID("8d2b4d5e-1f70-4b3c-9a86-5b7d8e2f4c22")


@pytest.fixture
def people(db: None) -> dict[str, Person]:
    """Alice administers Acme, Bob learns there, Carol administers Globex, Olga operates the platform."""
    wanted = [
        PersonToSave(
            "Alice@acme.test", "alice", "Alice Adams", 11, roles=(Grant("enterprise_admin", str(ACME)),)
        ),
        PersonToSave(
            "bob@acme.test",
            "bob",
            "Bob Brown",
            12,
            password="correct horse",
            roles=(Grant("enterprise_learner", str(ACME)),),
        ),
        PersonToSave(
            "carol@globex.test", "carol", "Carol", 13, roles=(Grant("enterprise_admin", str(GLOBEX)),)
        ),
        PersonToSave("olga@edx.test", "olga", "Olga", 14, is_staff=True, roles=(Grant(OPERATOR, "*"),)),
    ]
    api.save_people(wanted)
    return api.find_people_by_username([each.username for each in wanted])


@pytest.fixture
def client_of(people: dict[str, Person]) -> "ClientOf":
    """``client_of("bob")``: a REST client with Bob's token."""
    return ClientOf(people)


class ClientOf:
    def __init__(self, people: dict[str, Person]) -> None:
        self.people = people

    def __call__(self, username: str) -> APIClient:
        return with_token(api.issue_token(lms_user_id=self.people[username].lms_user_id))


def with_token(token: str) -> APIClient:
    """A REST client that sends this token in its header."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"JWT {token}")
    return client
