"""The API keeps the promises of its own description, whatever is made up from it; each run tries the same."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_django
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from bursar.config.wsgi import application
from tests.architecture.calls import PLACEHOLDERS
from tests.architecture.tables import undone
from tests.architecture.tenants import Tenants, make_tenants
from tests.architecture.world import PEOPLE

pytestmark = pytest.mark.uncounted

CASES = 8
"""For each operation, with data that fit the description and again with data that do not: 2,000 in all."""

# What does not fit is refused before a database hears of it; what of it might get there, test_bad_input.py
# sends to all of them. Making it up takes most of the time.
MODES = [GenerationMode.POSITIVE, pytest.param(GenerationMode.NEGATIVE, marks=pytest.mark.once)]

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
CALLERS = ("alice (admin of Acme)", "bob (owner at Acme)")


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """The database, open for this whole module: the world in it is made once."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def tenants(db: None) -> Iterator[Tenants]:
    # Between requests a real server may lose its connection; this one has the world in its transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        with make_tenants() as made:
            yield made
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_no_made_up_request_makes_the_api_fail_or_break_its_word(tenants, mode):
    description = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(description, config=SchemathesisConfig())
    operations = [each.ok() for each in schema.get_all_operations()]
    tried = [_try(operation, mode, tenants) for operation in operations]

    assert (
        sum(tried) >= len(operations) * CASES / 2
    )  # an operation without parameters has few different cases


def _try(operation: Any, mode: GenerationMode, tenants: Tenants) -> int:
    """Makes up requests for one operation, and returns how many."""
    count = 0

    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        caller=st.sampled_from(CALLERS),
        is_real=st.booleans(),
    )
    def try_one(case: Any, caller: str, is_real: bool) -> None:
        nonlocal count
        count += 1
        if is_real:
            _use_real_ids(case, tenants)
        headers = {
            "Authorization": tenants.world.client_of(PEOPLE[caller], False)._credentials["HTTP_AUTHORIZATION"]
        }
        with undone():
            answer = case.call(app=application, headers=headers)
            # OpenAPI cannot say "this shape, or nothing at all", which is what the LMS's wire has.
            case.validate_response(answer, checks=CHECKS if answer.content else [not_a_server_error])

    with suppress(Unsatisfiable):  # there is no wrong way to call what takes nothing, or any text
        try_one()
    return count


def _use_real_ids(case: Any, tenants: Tenants) -> None:
    """Without them nearly every made-up request would end at the first permission."""
    ids = tenants.world.acme.ids
    for name in case.path_parameters or {}:
        if name in PLACEHOLDERS:
            case.path_parameters[name] = str(PLACEHOLDERS[name](ids))
    for fields in (case.query, case.body):
        if isinstance(fields, dict) and "enterprise_customer_uuid" in fields:
            fields["enterprise_customer_uuid"] = str(ids.customer)
