"""Two customers never see or touch what is the other's: every route, every method, every role.

``calls.py`` has the table. A route that nobody classified there fails the first test.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace

import jwt
import orjson
import pytest
import pytest_django
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from bursar.identity.keys import get_signing_key
from bursar.identity.models import RoleAssignment
from tests import cast
from tests.architecture.calls import CALLS, PLACEHOLDERS, Call, send, text_of
from tests.architecture.tables import undone, without_chance
from tests.architecture.tenants import Answer, Tenants, make_tenants
from tests.architecture.urlconf import METHODS, list_routes
from tests.architecture.world import ADMIN, LEARNER, OF_THE_PLATFORM, OUTSIDER, PEOPLE, SAM, Ids

# Who may do what is decided before any database is asked.
pytestmark = [pytest.mark.once, pytest.mark.uncounted]

EVERY_CALL = pytest.mark.parametrize("call", CALLS, ids=str)
EVERY_WRITE = pytest.mark.parametrize("call", [each for each in CALLS if each.method != "GET"], ids=str)
WITH_IDS = pytest.mark.parametrize("call", [each for each in CALLS if each.names()], ids=str)
ROUTES = [each for each in list_routes() if not each.is_of_admin]


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """The database, open for this whole module: the world in it is made once."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def tenants(db: None) -> Iterator[Tenants]:
    with make_tenants() as made:
        yield made


def test_every_route_is_classified():
    known = {call.path for call in CALLS}
    unknown = [each.path for each in ROUTES if each.path not in known]
    assert not unknown, (
        "Nobody has said who may call these routes. Add a Call for each method to CALLS in "
        f"tests/architecture/calls.py: {', '.join(unknown)}"
    )
    nameless = sorted({name for each in ROUTES for name in each.placeholders} - PLACEHOLDERS.keys())
    assert not nameless, (
        f"Say in PLACEHOLDERS in tests/architecture/calls.py what stands for {', '.join(nameless)}."
    )
    gone = sorted(known - {each.path for each in ROUTES})
    assert not gone, f"tests/architecture/calls.py has calls of routes that are gone: {', '.join(gone)}"


@EVERY_CALL
def test_everybody_gets_exactly_what_the_table_says(tenants, call):
    faults = []
    for name, side, _ in tenants.sides_for(call):
        for person, member in PEOPLE.items():
            relation = side.relation_of(member)
            wanted = call.status_for(relation)
            answer = tenants.call(call, side.ids, person)
            title = f"{person} with ids of {name}"
            if answer.status != wanted:
                faults.append(f"{title}: {answer.status} instead of {wanted}: {answer.text[:200]}")
            if answer.status >= 400 and answer.after is not None:
                faults.append(f"{title}: refused, but wrote {list(answer.after - tenants.before)[:3]}")
            faults += [
                f"{title}: the answer tells {text}" for text in tenants.leaks(answer, person, side.ids)
            ]
            if relation == ADMIN and answer.status < 300:
                faults += [
                    f"{title}: the answer has no {text}"
                    for text in map(str, call.shows(side.ids))
                    if text not in answer.text
                ]
    assert not faults, _listed(call, faults)


@WITH_IDS
def test_foreign_and_missing_look_the_same(tenants, call):
    faults = []
    missing = tenants.world.missing
    for name, side, _ in tenants.sides():
        for person, member in PEOPLE.items():
            relation = side.relation_of(member)
            of_missing = tenants.call(call, missing, person)
            if of_missing.status >= 500 or (of_missing.status >= 400 and of_missing.after is not None):
                faults.append(
                    f"{person}, missing ids: {of_missing.status} {of_missing.text[:200]}, or it wrote"
                )
            if relation in OF_THE_PLATFORM:
                wanted = call.status_for(relation, is_missing=True)
                if of_missing.status != wanted:
                    faults.append(
                        f"{person}, missing ids: {of_missing.status}, not {wanted}: {of_missing.text[:200]}"
                    )
            if call.allows(relation) and relation != OUTSIDER:
                continue
            foreign = tenants.call(call, side.ids, person)
            faults += [f"{person} with ids of {name}: {harm}" for harm in tenants.harm(foreign, side)]
            if not set(call.open) & call.names() and foreign.same_as(side.ids) != of_missing.same_as(missing):
                difference = _difference(foreign.same_as(side.ids), of_missing.same_as(missing))
                faults.append(f"{person}, foreign ids of {name} and missing ones: {difference}")
    assert not faults, _listed(call, faults)


@WITH_IDS
def test_one_foreign_id_among_own_ones_does_nothing_and_tells_nothing(tenants, call):
    faults = []
    for name, own, other in tenants.sides():
        person = next(each for each, member in PEOPLE.items() if own.relation_of(member) == ADMIN)
        for field in sorted(call.names()):
            mixed = replace(own.ids, **{field: getattr(other.ids, field)})
            lacking = replace(own.ids, **{field: getattr(tenants.world.missing, field)})
            foreign, missing = tenants.call(call, mixed, person), tenants.call(call, lacking, person)
            quoted = frozenset(str(getattr(mixed, each)) for each in call.open)
            title = f"{person} of {name} with a foreign {field}"
            faults += [f"{title}: {harm}" for harm in tenants.harm(foreign, other, quoted=quoted)]
            faults += [f"{title}: the answer tells {text}" for text in tenants.leaks(foreign, person, mixed)]
            one, other_one = foreign.same_as(mixed), missing.same_as(lacking)
            if field not in call.open and one != other_one:
                faults.append(f"{title} and with a missing one: {_difference(one, other_one)}")
    assert not faults, _listed(call, faults)


@EVERY_WRITE
def test_a_list_that_mixes_customers_leaves_the_other_customer_alone(tenants, call):
    faults = []
    for name, own, other in tenants.sides():
        person = next(each for each, member in PEOPLE.items() if own.relation_of(member) == ADMIN)
        alone = call.body(own.ids)
        for field in [each for each, value in alone.items() if isinstance(value, list)]:
            foreign = call.body(other.ids)[field]
            for order in (alone[field] + foreign, foreign + alone[field]):
                answer = tenants.call(call, own.ids, person, body={**alone, field: order})
                quoted = frozenset(str(getattr(other.ids, each)) for each in call.open)
                title = f"{person} of {name}, {field} with rows of both"
                if answer.status >= 500:
                    faults.append(f"{title}: {answer.status} {answer.text[:200]}")
                faults += [f"{title}: {harm}" for harm in tenants.harm(answer, other, quoted=quoted)]
                told = set(tenants.leaks(answer, person, other.ids)) - quoted
                faults += [f"{title}: the answer tells {text}" for text in sorted(told)]
    assert not faults, _listed(call, faults)


_SNEAKED_IN = {
    "state": "approved",
    "decline_reason": "sneaked in",
    "is_active": False,
    "is_staff": True,
    "is_superuser": True,
    "roles": ["enterprise_openedx_operator:*"],
    "reviewer_lms_user_id": 1,
    "lms_user_id": 1,
    "user_id": 1,
    "license_uuid": "00000000-0000-4000-8000-000000000000",
    "is_removed": True,
    "created": "2001-01-01T00:00:00Z",
}


@EVERY_WRITE
def test_fields_that_are_not_for_the_caller_change_nothing(tenants, call):
    faults = []
    own, other = tenants.world.acme, tenants.world.globex
    foreign = {"customer_uuid": str(other.ids.customer), "enterprise_customer": str(other.ids.customer)}
    for person in PEOPLE:
        body = call.body(own.ids)
        extra = {name: value for name, value in {**_SNEAKED_IN, **foreign}.items() if name not in body}
        plain = tenants.call(call, own.ids, person)
        sneaky = tenants.call(call, own.ids, person, body={**body, **extra})
        if 400 <= sneaky.status < 500 and sneaky.after is None:
            continue
        if _written(tenants, plain) != _written(tenants, sneaky):
            faults.append(f"{person}: {_written(tenants, sneaky)}\nwithout them: {_written(tenants, plain)}")
        if sneaky.status != plain.status:
            faults.append(f"{person}: {sneaky.status} {sneaky.text[:200]}, without them {plain.status}")
    assert not faults, _listed(call, faults)


def _written(tenants: Tenants, answer: Answer) -> tuple[list[str], list[str]]:
    if answer.after is None:
        return [], []
    gone, new = tenants.before - answer.after, answer.after - tenants.before
    return sorted(without_chance(str(row[0])) for row in gone), sorted(_comparable(row) for row in new)


def _comparable(row: tuple[str, ...]) -> str:
    """A row without what differs each time: keys, times and hashes."""
    kept = [without_chance(value) for value in row[1:] if not value.isdigit() and "$" not in value]
    return " | ".join([row[0], *kept])


@pytest.mark.parametrize("call", [each for each in CALLS if "customer" in each.names()], ids=str)
def test_naming_two_customers_opens_neither(tenants, call):
    """In a body or a query the last one counts, and whoever is asked for is whoever was checked."""
    faults = []
    for name, own, other in tenants.sides():
        person = next(each for each, member in PEOPLE.items() if own.relation_of(member) == ADMIN)
        for sent in _twice(call, own.ids, other.ids):
            answer = tenants.call(call, own.ids, person, **sent)
            title = f"{person} of {name} sends {sent}"
            if answer.status >= 500:
                faults.append(f"{title}: {answer.status}")
            faults += [f"{title}: {harm}" for harm in tenants.harm(answer, other)]
            faults += [
                f"{title}: the answer tells {text}" for text in tenants.leaks(answer, person, other.ids)
            ]
    assert not faults, _listed(call, faults)


def _twice(call: Call, own: Ids, other: Ids) -> Iterator[dict[str, object]]:
    body, query = call.body(own), call.query(own)
    key = next((each for each, value in {**query, **body}.items() if value == own.customer), None)
    name = key or "enterprise_customer_uuid"
    ours, theirs = f'"{name}": "{own.customer}"', f'"{name}": "{other.customer}"'
    if call.method != "GET":
        rest = "".join(f", {_json(each)}: {_json(value)}" for each, value in body.items() if each != name)
        yield {"body": f"{{{ours}, {theirs}{rest}}}".encode()}
        yield {"body": f"{{{theirs}, {ours}{rest}}}".encode()}
        yield {"query": {**query, name: str(other.customer)}}
    rest = {each: value for each, value in query.items() if each != name}
    yield {"query": {**rest, name: [str(own.customer), str(other.customer)]}}
    yield {"query": {**rest, name: [str(other.customer), str(own.customer)]}}
    for spelled in (
        str(other.customer).upper(),
        other.customer.hex,
        f"{{{other.customer}}}",
        other.customer.urn,
    ):
        if name in body:
            yield {"body": {**body, name: spelled}}
        yield {"query": {**rest, name: spelled}}


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()


@pytest.mark.parametrize("path", [each.path for each in ROUTES])
def test_a_method_that_is_not_served_is_a_405(tenants, path):
    calls = [call for call in CALLS if call.path == path]
    served = {call.method for call in calls}
    faults = []
    for method in METHODS:
        if method in served or (method == "HEAD" and "GET" in served):
            continue
        for person, member in PEOPLE.items():
            client = tenants.world.client_of(member, calls[0].is_page)
            target = calls[0].path_for(tenants.world.acme.ids)
            answer = tenants.watch(lambda: send(client, method, target, body={"any": "thing"}))  # noqa: B023
            allowed = (405, 302 if calls[0].is_page else 401) if member is None else (405,)
            if not any(call.allows(tenants.world.acme.relation_of(member)) for call in calls):
                allowed = (*allowed, 403)  # who may not call the path at all is told that
            if answer.status not in allowed or answer.after is not None:
                faults.append(
                    f"{method} as {person}: {answer.status} {answer.text[:100]}; if it is served, add a Call "
                    "to CALLS in tests/architecture/calls.py"
                )
    assert not faults, f"{path}\n" + "\n".join(faults)


@pytest.mark.parametrize("call", [each for each in CALLS if each.method == "GET"], ids=str)
def test_head_answers_like_get_without_a_body(tenants, call):
    for person in ("nobody", "alice (admin of Acme)", "carol (admin of Globex)"):
        client = tenants.world.client_of(PEOPLE[person], call.is_page)
        answer = send(
            client, "HEAD", call.path_for(tenants.world.acme.ids), query=call.query(tenants.world.acme.ids)
        )
        assert (answer.status_code, text_of(answer)) == (
            call.status_for(tenants.world.acme.relation_of(PEOPLE[person])),
            "",
        ), person


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_everybody_and_tell_nothing(tenants, path):
    for person, member in PEOPLE.items():
        client = tenants.world.client_of(member, False)
        answer = tenants.watch(lambda: send(client, "GET", path))  # noqa: B023
        assert (answer.status, answer.after) == (200, None), person
        assert set(orjson.loads(answer.text)) == {"status"}


def _difference(one: tuple[int, str], other: tuple[int, str]) -> str:
    if one[0] != other[0]:
        return f"{one[0]} {one[1][:200]} but {other[0]} {other[1][:200]}"
    lines = difflib.ndiff(one[1].splitlines(), other[1].splitlines())
    return "; ".join(line[:200] for line in lines if line[:1] in "+-")


def _listed(call: Call, faults: list[str]) -> str:
    return f"{call}\n" + "\n".join(faults)


# Roles come from the token and from the rows; neither is a way in for anything else.

STRAY, ALICE, CAROL = "stray", "alice (admin of Acme)", "carol (admin of Globex)"
ACME, GLOBEX = str(cast.ACME), str(cast.GLOBEX)

NO_WAY_IN = {
    "no context": ["enterprise_admin", "enterprise_learner", "enterprise_openedx_operator"],
    "an empty context": ["enterprise_admin:", "enterprise_learner:", "enterprise_openedx_operator:"],
    "no uuid": [
        "enterprise_admin:acme",
        "enterprise_admin:None",
        "enterprise_admin:**",
        "enterprise_admin:* ",
    ],
    "a part of the uuid": [f"enterprise_admin:{ACME[:8]}", f"enterprise_admin:{ACME}0"],
    "more than the uuid": [f"enterprise_admin:{ACME}:{ACME}", f"enterprise_admin:x:{ACME}"],
    "an unknown role": [f"admin:{ACME}", f"Enterprise_Admin:{ACME}", f":{ACME}", f"*:{ACME}", "*:*"],
    "another customer": [f"enterprise_admin:{cast.NOWHERE}", f"enterprise_learner:{cast.NOWHERE}"],
    "a text": f"enterprise_admin:{ACME}",
    "a mapping": {"enterprise_admin": ACME},
    "a list in the list": [[f"enterprise_admin:{ACME}"], None, 5, {"role": f"enterprise_admin:{ACME}"}, True],
    "nothing": None,
}


def _by_token(tenants: Tenants, person: str, roles: object) -> APIClient:
    """A client whose token is good but for its roles claim."""
    header = tenants.world.client_of(PEOPLE[person], False)._credentials["HTTP_AUTHORIZATION"]
    key = get_signing_key()
    claims = jwt.decode(header.removeprefix("JWT "), options={"verify_signature": False})
    token = jwt.encode({**claims, "roles": roles}, key.private, "RS512", headers={"kid": key.id})
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"JWT {token}")
    return client


@pytest.mark.parametrize("roles", NO_WAY_IN.values(), ids=NO_WAY_IN)
def test_a_token_with_roles_that_mean_nothing_is_no_way_in(tenants, roles):
    faults = []
    client = _by_token(tenants, STRAY, roles)
    for call in CALLS:
        if call.is_page or not call.names():
            continue
        ids = tenants.world.acme.ids
        answer = tenants.watch(lambda: call.send(client, ids))  # noqa: B023
        usual = tenants.call(call, ids, STRAY)
        if answer.same_as(ids) != usual.same_as(ids) or answer.after != usual.after:
            faults.append(
                f"{call}: {answer.status} {answer.text[:200]}, usually {usual.status} {usual.text[:200]}"
            )
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("call", [call for call in CALLS if ADMIN in call.may and not call.is_page], ids=str)
def test_a_role_counts_by_the_token_alone_and_by_the_row_alone(tenants, call):
    ids, wanted = tenants.world.acme.ids, call.may[ADMIN]
    by_row = tenants.watch(lambda: call.send(_by_token(tenants, ALICE, []), ids))
    with undone():
        RoleAssignment.objects.all().delete()
        roles = [f"enterprise_admin:{ACME}", f"enterprise_learner:{ACME}"]
        by_token = tenants.watch(lambda: call.send(_by_token(tenants, ALICE, roles), ids))
        neither = tenants.watch(lambda: call.send(_by_token(tenants, ALICE, []), ids))

    assert (by_row.status, by_token.status) == (wanted, wanted), (by_row.text, by_token.text)
    if OUTSIDER not in call.may:
        assert neither.status == call.refused, neither.text
        assert neither.text == tenants.call(call, ids, STRAY).text


@pytest.mark.parametrize("call", [call for call in CALLS if ADMIN in call.may and call.names()], ids=str)
def test_roles_at_two_customers_stay_apart(tenants, call):
    """Who learns at Globex and administers Acme administers nothing at Globex."""
    roles = [f"enterprise_admin:{ACME}", f"enterprise_learner:{GLOBEX}"]
    ids = tenants.world.globex.ids

    answer = tenants.watch(lambda: call.send(_by_token(tenants, STRAY, roles), ids))

    assert answer.status == call.status_for(LEARNER) or (call.method, answer.status) == ("POST", 422), (
        answer.text
    )
    if LEARNER not in call.may:
        assert answer.after is None
    mine = tenants.world.globex.private[cast.GUS] - set(ids.as_texts().values())
    assert not [text for text in mine if text in answer.text]


# Browsers


UNSAFE = [call for call in CALLS if call.method not in ("GET", "HEAD", "OPTIONS")]
NEEDS_NO_CSRF_TOKEN = {
    ("POST", "/api/user/v2/account/registration/"): 200,  # knows nobody, as the LMS's
    ("POST", "/login_refresh/"): 200,  # front ends send none; another site gains nothing by it
    ("POST", "/oauth2/access_token/"): 400,  # knows programs by their secrets only, and this is no form
}


@pytest.mark.parametrize("call", UNSAFE, ids=str)
def test_a_session_alone_changes_nothing_without_a_csrf_token(tenants, call):
    client = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(get_user_model().objects.get(lms_user_id=cast.ALICE.lms_user_id))

    answer = tenants.watch(lambda: call.send(client, tenants.world.acme.ids))

    if call.route in NEEDS_NO_CSRF_TOKEN:
        assert answer.status == NEEDS_NO_CSRF_TOKEN[call.route]
    else:
        assert (answer.status, answer.after) == (403, None), answer.text


# The Django admin is one block: for staff only


ADMIN_ROUTES = [each.path for each in list_routes() if each.is_of_admin]
OPEN_TO_ALL = ("/admin/login/",)


def test_the_admin_pages_are_for_staff_only(tenants):
    faults = []
    for path in ADMIN_ROUTES:
        target = re.sub(r"<\w+>", str(tenants.world.missing.request), path)
        for person in ("nobody", ALICE, "opal (operator)"):
            client = tenants.world.client_of(PEOPLE[person], True)
            for method in ("GET", "POST"):
                answer = tenants.watch(lambda: send(client, method, target, is_form=True))  # noqa: B023
                if path in OPEN_TO_ALL and answer.status in (200, 302) and answer.after is None:
                    continue
                if answer.status not in (302, 403, 404) or answer.after is not None:
                    faults.append(f"{method} {target} as {person}: {answer.status} {answer.text[:200]}")
        answer = tenants.call(
            Call("GET", target, {}, is_page=True), tenants.world.missing, "olga (operator and staff)"
        )
        if answer.status >= 500 or answer.after is not None:
            faults.append(f"GET {target} as staff: {answer.status}")
    assert not faults, "\n".join(faults)


def test_staff_without_permissions_reads_no_table_in_the_admin(tenants):
    told = []
    client = tenants.world.client_of(SAM, True)
    for path in ADMIN_ROUTES:
        if path.count("/") >= 4 and "<" not in path:
            answer = tenants.watch(lambda: send(client, "GET", path))  # noqa: B023
            if answer.status == 200 and [text for text in tenants.world.acme.secrets if text in answer.text]:
                told.append(path)
    assert not told
