"""Jobs over HTTP: for those who act for the job's customer."""

import pytest

from bursar.identity import api as identity
from bursar.identity.data import LEARNER, OPERATOR, RoleAssignment
from bursar.jobs import api as jobs
from bursar.jobs import models
from bursar.lib import clock
from tests.cast import ACME, ALICE, BOB, CAROL, GLOBEX, NOWHERE, OLGA, STRAY
from tests.statements import counted

pytestmark = pytest.mark.django_db

JOBS = "/api/jobs/v1/jobs/"


def url(job_uuid, rest=""):
    return f"{JOBS}{job_uuid}/{rest}"


def test_an_administrator_sees_how_far_a_job_is(client_of, desk, settings):
    job_uuid = desk.start([1, 2], [3])
    desk.meanwhile = [lambda: seen.append(client_of(ALICE).get(url(job_uuid)).json())]
    seen = []
    jobs.run()

    assert (seen[0]["state"], seen[0]["is_cancellable"]) == ("running", True)
    job = client_of(ALICE).get(url(job_uuid)).json()
    assert job == {
        "uuid": str(job_uuid),
        "kind": "test.double",
        "title": "Doubling",
        "enterprise_customer_uuid": str(ACME),
        "state": "done",
        "item_count": 3,
        "done_count": 3,
        "progress_percent": 100,
        "counts": {"odd": 2, "even": 1},
        "errors": [],
        "is_cancellable": False,
        "created_by": ALICE.lms_user_id,
        "created": job["created"],
        "started": job["started"],
        "finished": job["finished"],
        "cancelled": None,
        "cancelled_by": None,
        "results_json": f"{settings.PUBLIC_URL}{url(job_uuid)}results.json",
        "results_csv": f"{settings.PUBLIC_URL}{url(job_uuid)}results.csv",
    }


def test_results_come_as_json_in_order_also_before_the_end(client_of, desk):
    job_uuid = desk.start([1], [2])
    desk.poison = {2}
    jobs.run()

    body = client_of(ALICE).get(url(job_uuid, "results.json")).json()

    assert body == {
        "job_uuid": str(job_uuid),
        "is_complete": False,
        "counts": {"odd": 1},
        "results": [{"number": 1, "outcome": "odd", "double": 2}],
    }


def test_results_come_as_csv_that_no_spreadsheet_runs(client_of, desk):
    job_uuid = jobs.start(
        kind="test.double",
        customer_uuid=ACME,
        parameters={},
        chunks=[[[1, "=cmd|' /C calc'!A0"], [2, "+1"], [-3, "@x"], [4, 'a, "b"'], [5, "bob@acme.test"]]],
        by=None,
    )
    jobs.run()

    response = client_of(ALICE).get(url(job_uuid, "results.csv"), headers={"Accept": "text/csv"})

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="double-results-20')
    assert response.content.decode().splitlines() == [
        "number,what,e-mail",
        "1,odd,'=cmd|' /C calc'!A0",
        "2,even,'+1",
        "'-3,odd,'@x",
        '4,even,"a, ""b"""',
        "5,odd,bob@acme.test",
    ]


def test_a_signed_address_lets_a_browser_in_for_five_minutes(client_of, desk, settings, monkeypatch):
    job_uuid, other = desk.start([1]), desk.start([2])
    jobs.run()
    address = jobs.results_address(job_uuid).removeprefix(settings.PUBLIC_URL)

    nobody = client_of(None)
    assert nobody.get(address).status_code == 200
    assert nobody.get(address.replace(str(job_uuid), str(other))).status_code == 404
    assert nobody.get(address[:-3]).status_code == 404
    assert nobody.get(url(job_uuid, "results.csv")).status_code == 401
    from django.core import signing

    later = signing.time.time() + 301
    monkeypatch.setattr(signing.time, "time", lambda: later)
    assert nobody.get(address).status_code == 404


def test_cancelling_stops_a_job_and_may_be_repeated(client_of, desk):
    job_uuid = desk.start([1], [2])

    first = client_of(ALICE).post(url(job_uuid, "cancel/"))
    again = client_of(ALICE).post(url(job_uuid, "cancel/"))

    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert first.json()["cancelled_by"] == ALICE.lms_user_id
    assert first.json() == again.json()
    assert jobs.run() == 0


def test_what_has_ended_is_not_cancelled(client_of, desk):
    job_uuid = desk.start([1])
    jobs.run()

    response = client_of(ALICE).post(url(job_uuid, "cancel/"))

    assert (response.status_code, response.json()["code"]) == (422, "job_ended")


@pytest.mark.parametrize("member", [CAROL, BOB, STRAY])
def test_a_foreign_job_looks_like_a_missing_one(client_of, desk, member):
    job_uuid = desk.start([1])
    client = client_of(member)

    for rest in ("", "results.json", "results.csv"):
        foreign, missing = client.get(url(job_uuid, rest)), client.get(url(NOWHERE, rest))
        assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert client.post(url(job_uuid, "cancel/")).status_code == 404
    assert client.get(JOBS).json()["results"] == []
    jobs.run()
    assert len(desk.seen) == 1


def test_the_list_has_the_jobs_of_ones_own_customers_the_newest_first(client_of, desk):
    mine, theirs = [desk.start([number]) for number in (1, 2)], desk.start([3], customer_uuid=GLOBEX)

    def listed(member, **query):
        return [each["uuid"] for each in client_of(member).get(JOBS, query).json()["results"]]

    assert listed(ALICE) == [str(mine[1]), str(mine[0])]
    assert listed(CAROL) == [str(theirs)]
    assert len(listed(OLGA)) == 3
    assert listed(OLGA, enterprise_customer_uuid=str(GLOBEX)) == [str(theirs)]
    jobs.cancel(job_uuid=mine[0], by=None)
    assert listed(ALICE, state="cancelled") == [str(mine[0])]
    assert listed(ALICE, kind="another") == []
    assert client_of(ALICE).get(JOBS, {"state": "odd"}).status_code == 400
    assert client_of(ALICE).get(JOBS, {"enterprise_customer_uuid": "x"}).status_code == 400
    assert client_of(None).get(JOBS).status_code == 401


def test_operators_see_jobs_of_a_kind_that_is_gone(client_of, desk):
    job_uuid = desk.start([1])
    jobs.register([])

    assert client_of(OLGA).get(url(job_uuid)).json()["title"] == "test.double"
    assert client_of(OLGA).get(JOBS).json()["count"] == 1
    assert client_of(OLGA).get(url(job_uuid, "results.csv")).status_code == 200
    assert client_of(ALICE).get(url(job_uuid)).status_code == 404


def test_results_that_are_no_longer_kept_are_gone(client_of, desk):
    job_uuid = desk.start([1])
    jobs.run()
    models.Chunk.objects.all().delete()
    models.Job.objects.update(purged_at=clock.now())

    for rest in ("results.json", "results.csv"):
        response = client_of(ALICE).get(url(job_uuid, rest))
        assert (response.status_code, response.json()["code"]) == (410, "results_gone")
    assert client_of(ALICE).get(url(job_uuid)).json()["results_csv"] is None


def test_a_list_of_a_hundred_costs_the_statements_of_one(client_of, desk):
    client = client_of(ALICE)
    counts = []
    for more in (1, 99):
        for _ in range(more):
            desk.start([1], [2])
        with counted() as statements:
            client.get(JOBS)
        counts.append(statements.count)
    assert counts[0] == counts[1] <= 5  # two of them for the token and its roles


def test_a_learners_role_at_the_customer_is_not_enough(client_of, desk):
    job_uuid = desk.start([1])
    identity.assign_roles([RoleAssignment(STRAY.lms_user_id, LEARNER, ACME)], by=None)
    assert client_of(STRAY).get(url(job_uuid)).status_code == 404
    identity.assign_roles([RoleAssignment(STRAY.lms_user_id, OPERATOR, ACME)], by=None)
    assert client_of(STRAY).get(url(job_uuid)).status_code == 200
