"""Requests for learner credit: there are none, and the portals that ask go on."""

import pytest

from tests.cast import ALICE, BOB, CAROL, OLGA, STRAY, Client, Organization

pytestmark = pytest.mark.once

REQUESTS = "/api/v1/learner-credit-requests/"


def test_the_list_is_empty_for_everybody(acme: Organization, client_of: Client) -> None:
    params = {"enterprise_customer_uuid": str(acme.uuid), "user__email": BOB.email, "page_size": 20}

    for member in (ALICE, BOB, STRAY):
        assert client_of(member).get(REQUESTS, params).json() == {
            "next": None,
            "previous": None,
            "count": 0,
            "num_pages": 1,
            "current_page": 1,
            "start": 0,
            "results": [],
        }
    page = client_of(BOB).get(REQUESTS, {"page": 2})
    assert (page.status_code, page.json()) == (404, {"detail": "Invalid page."})
    assert client_of(None).get(REQUESTS, params).status_code == 401


def test_the_overview_is_empty_and_for_administrators(acme: Organization, client_of: Client) -> None:
    params = {"enterprise_customer_uuid": str(acme.uuid)}

    for member in (ALICE, OLGA):
        found = client_of(member).get(f"{REQUESTS}overview/", params)
        assert (found.status_code, found.json()) == (200, [])
    for member, query in ((BOB, params), (CAROL, params), (ALICE, {}), (OLGA, {})):
        assert client_of(member).get(f"{REQUESTS}overview/", query).status_code == 403
