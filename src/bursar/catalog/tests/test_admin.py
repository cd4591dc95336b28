import pytest
from django.contrib.auth import get_user_model

from bursar.catalog import models


@pytest.fixture
def operator(client, cast):
    user = get_user_model().objects.get(username="olga")
    user.is_superuser = True
    user.save()
    client.force_login(user)
    return client


@pytest.mark.parametrize("page", ["course", "run", "partner", "customercatalog"])
def test_operators_see_the_catalog(operator, page):
    model = {
        "course": models.Course,
        "run": models.Run,
        "partner": models.Partner,
        "customercatalog": models.CustomerCatalog,
    }[page]

    assert operator.get(f"/admin/catalog/{page}/?q=MIT").status_code == 200
    assert operator.get(f"/admin/catalog/{page}/{model.objects.first().pk}/change/").status_code == 200


def test_operators_see_what_a_run_was_before(operator):
    run = models.Run.objects.first()

    answer = operator.get(f"/admin/catalog/run/{run.pk}/history/")

    assert answer.status_code == 200
