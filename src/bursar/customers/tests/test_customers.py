from dataclasses import replace

import pytest

from bursar.customers import api, models
from bursar.customers.data import CustomerInvalid, CustomerNotFound, CustomerToSave
from bursar.lib.outcomes import Saved
from tests.cast import ACME, GLOBEX, NOWHERE

pytestmark = pytest.mark.django_db

WANTED = CustomerToSave(ACME, "Acme", "acme", contact_email="learning@acme.test", country="NL")


def test_a_customer_is_found_by_uuid_and_by_slug():
    api.save_customers([WANTED])

    assert api.find_customers([ACME, NOWHERE]) == {ACME: api.get_customer(ACME)}
    assert api.find_customer_by_slug("acme") == api.get_customer(ACME)
    assert api.find_customer_by_slug("Acme") is None
    with pytest.raises(CustomerNotFound):
        api.get_customer(NOWHERE)


def test_saving_again_changes_only_what_differs_and_keeps_what_it_must():
    assert api.save_customers([WANTED]) == Saved(created=1)
    assert api.save_customers([WANTED]) == Saved(unchanged=1)
    other = replace(WANTED, name="Acme Inc.", country="BE", keep=frozenset({"country"}))
    assert api.save_customers([other]) == Saved(changed=1)

    assert (api.get_customer(ACME).name, api.get_customer(ACME).country) == ("Acme Inc.", "NL")
    assert list(models.Customer.history.values_list("history_type", flat=True)) == ["~", "+"]


@pytest.mark.parametrize("slug", ["api", "Admin", "static", "has space", "", "é", "a" * 31])
def test_a_slug_that_could_not_be_a_path_is_refused(slug):
    with pytest.raises(CustomerInvalid):
        api.save_customers([WANTED, CustomerToSave(GLOBEX, "Globex", slug)])
    assert api.find_customers([ACME, GLOBEX]) == {}


def test_two_customers_cannot_share_a_slug():
    api.save_customers([WANTED])

    with pytest.raises(CustomerInvalid, match="belongs to another customer"):
        api.save_customers([CustomerToSave(GLOBEX, "Globex", "acme")])
    with pytest.raises(CustomerInvalid, match="belongs to another customer"):
        api.save_customers([CustomerToSave(GLOBEX, "Globex", "x"), CustomerToSave(NOWHERE, "Other", "x")])
