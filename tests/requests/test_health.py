"""The supervisor learns whether we live, the load balancer whether we can serve."""

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from bursar.config import health


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(health, "_found_migrated", False)


def test_a_live_process_says_so_without_its_database(client):
    answer = client.get("/livez", headers={"Host": "10.0.0.7"})  # as a probe names us

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_a_process_with_its_database_is_ready(client):
    answer = client.get("/readyz", headers={"Host": "10.0.0.7"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.django_db
def test_a_missing_migration_means_not_ready(client):
    last = MigrationRecorder.Migration.objects.filter(app="notifications").latest("id")
    last.delete()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert "migrat" in answer.json()["reason"]


@pytest.mark.django_db
def test_a_database_that_does_not_answer_means_not_ready(client):
    def refuse(*_):
        raise OperationalError("no route to 10.0.0.1")

    with connection.execute_wrapper(refuse):
        answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["reason"]) == (503, "The database does not answer.")
