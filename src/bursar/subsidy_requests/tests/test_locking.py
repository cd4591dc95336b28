"""How requests are locked."""

from collections.abc import Callable

import pytest
from django.db import connection

from bursar.identity import api as identity
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import ConfigurationChange
from bursar.subsidy_requests.tests.paying import Paying
from tests.cast import ALICE, BOB, DANA, ERIN, OLGA
from tests.statements import counted


@pytest.mark.skipif(not connection.features.has_select_for_update, reason="this database locks as a whole")
def test_whoever_locks_requests_goes_by_their_keys(paying: Paying, drain: Callable[[], None]) -> None:
    """MariaDB locks rows in the order of the index that leads to them: two orders would be a deadlock."""
    supply = paying.supply(free=3)
    bob, dana, erin = (paying.ask(each) for each in (BOB, DANA, ERIN))
    drain()

    with counted() as statements:
        assert subsidy_requests.send_digests().request_count == 3
        paying.approve(supply, bob, dana)
        paying.let_go(dana)
        drain()
        paying.withdraw(erin, ERIN)
        identity.change_person(
            lms_user_id=BOB.lms_user_id, email="robert@acme.test", is_confirmed=True, by=None
        )
        drain()
        change = ConfigurationChange(paying.organization.uuid, {"subsidy_type": None})
        subsidy_requests.change_configuration(change, by=ALICE.lms_user_id)
        identity.request_retirements(lms_user_ids=[BOB.lms_user_id], by=OLGA.lms_user_id)
        identity.complete_retirements(lms_user_ids=[BOB.lms_user_id], by=OLGA.lms_user_id)
        drain()

    table, key = map(connection.ops.quote_name, (paying.kind.model._meta.db_table, "uuid"))
    locks = [each for each in statements.listed if f"FROM {table} " in each and "FOR UPDATE" in each]
    conditions = [each.split("WHERE")[1].split("ORDER BY")[0] for each in locks]
    assert paying.story(dana) == ["requested", "approved", "failed", "declined"]
    assert len(locks) >= 8
    assert all(f"{table}.{key} " in each for each in conditions), conditions
