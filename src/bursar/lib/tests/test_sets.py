"""Set-based writes, on whatever database the run is on. The tables are those of outbox and licenses."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from bursar.lib import sets
from bursar.licenses import models as licenses
from bursar.outbox.models import Event, InboxEntry, Lease
from tests.cast import Organization

MOMENT = datetime(2026, 11, 20, 18, 9, 27, 140154, tzinfo=UTC)


def entries(*handlers: str) -> list[tuple[uuid.UUID, uuid.UUID, str, datetime]]:
    return [(uuid.uuid4(), uuid.uuid5(uuid.NAMESPACE_DNS, handler), handler, MOMENT) for handler in handlers]


COLUMNS = ("uuid", "delivery_uuid", "handler", "accepted_at")
UNIQUE = ("delivery_uuid", "handler")


@pytest.mark.django_db
def test_what_is_inserted_comes_back_as_it_was() -> None:
    rows = entries("ein Ärger", "'; DROP TABLE x; --", 'quote " and \\ backslash', "emoji 🎓")

    assert sets.insert(InboxEntry, COLUMNS, rows) == 4

    assert sorted(InboxEntry.objects.values_list(*COLUMNS)) == sorted(rows)


@pytest.mark.django_db
def test_no_text_is_taken_for_syntax() -> None:
    texts = ["", "NULL", "{a,b}", "a, b", '"', "\\", '\\"', "\\n", "two\nlines", "a\ttab", "%s", " spaces ."]
    rows = [(uuid.uuid4(), text, text, [{text: text}], MOMENT) for text in texts]

    sets.insert(Event, ("uuid", "type", "key", "facts", "recorded_at"), rows)

    written = Event.objects.order_by("id").values_list("type", "key", "facts")
    assert list(written) == [(text, text, [{text: text}]) for text in texts]


@pytest.mark.django_db
def test_a_duplicate_is_an_error_where_every_row_is_expected_to_be_new() -> None:
    rows = entries("one")
    sets.insert(InboxEntry, COLUMNS, rows)

    with pytest.raises(IntegrityError), transaction.atomic():
        sets.insert(InboxEntry, COLUMNS, entries("one"))


@pytest.mark.django_db
def test_only_the_rows_that_were_not_there_are_reported() -> None:
    sets.insert(InboxEntry, COLUMNS, entries("one", "two"))
    rows = entries("two", "three", "one", "four")

    inserted = sets.insert_new(InboxEntry, COLUMNS, rows, unique=UNIQUE)

    assert inserted == {rows[1][0], rows[3][0]}
    assert InboxEntry.objects.count() == 4


@pytest.mark.django_db
def test_of_twins_in_one_set_one_is_inserted() -> None:
    rows = entries("one", "one")

    inserted = sets.insert_new(InboxEntry, COLUMNS, rows, unique=UNIQUE)

    assert len(inserted) == 1
    assert InboxEntry.objects.get().pk in inserted


@pytest.mark.django_db
def test_an_accent_makes_another_key_and_so_does_a_capital() -> None:
    rows = [(handler, uuid.uuid4(), MOMENT) for handler in ("josé", "jose", "Jose")]

    assert sets.insert(Lease, ("name", "holder", "expires_at"), rows) == 3
    assert list(Lease.objects.filter(name__in=["josé"]).values_list("name", flat=True)) == ["josé"]


@pytest.mark.django_db
def test_an_update_writes_each_row_its_own_values() -> None:
    rows = entries("one", "two", "three")
    sets.insert(InboxEntry, COLUMNS, rows)
    later = datetime(2027, 1, 1, tzinfo=UTC)

    sets.update(
        InboxEntry,
        ("uuid", "handler", "accepted_at"),
        [(rows[0][0], "first", later), (rows[1][0], "second", MOMENT)],
    )

    assert dict(InboxEntry.objects.values_list("handler", "accepted_at")) == {
        "first": later,
        "second": MOMENT,
        "three": MOMENT,
    }


def test_nulls_booleans_and_history_survive(acme: Organization) -> None:
    plan = acme.plan(free=2)
    first, second = sorted(licenses.License.objects.filter(plan=plan.uuid).values_list("pk", flat=True))

    sets.update(
        licenses.License,
        ("uuid", "is_auto_applied", "email", "lms_user_id", "revoked_at"),
        [(first, True, "bob@acme.test", 2**40, MOMENT), (second, None, None, None, None)],
    )
    sets.record_history(licenses.License, [first, second], kind="~", by=10, reason="tried")

    written = licenses.License.objects.get(pk=first)
    assert (written.is_auto_applied, written.lms_user_id, written.revoked_at) == (True, 2**40, MOMENT)
    recorded = licenses.License.history.filter(uuid=first).latest("history_id")
    assert (recorded.email, recorded.is_auto_applied, recorded.revoked_at) == ("bob@acme.test", True, MOMENT)
    assert (recorded.history_user_id, recorded.history_type, recorded.history_change_reason) == (
        10,
        "~",
        "tried",
    )
    assert licenses.License.objects.get(pk=second).is_auto_applied is None


@pytest.mark.django_db
def test_history_is_rewritten_where_it_says_something(acme: Organization) -> None:
    plan = acme.plan(free=2)
    first, second = sorted(licenses.License.objects.filter(plan=plan.uuid).values_list("pk", flat=True))
    for email in ("bob@acme.test", "robert@acme.test"):
        sets.update(licenses.License, ("uuid", "email"), [(first, email), (second, "dana@acme.test")])
        sets.record_history(licenses.License, [first, second], kind="~", by=None)

    sets.rewrite_history(licenses.License, ("uuid", "email"), [(first, "gone@x.test")])

    said = licenses.License.history.order_by("history_id").values_list("uuid", "email")
    assert [email for pk, email in said if pk == first] == [None, "gone@x.test", "gone@x.test"]
    assert [email for pk, email in said if pk == second] == [None, "dana@acme.test", "dana@acme.test"]
    assert licenses.License.objects.get(pk=first).email == "robert@acme.test"


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 1000])
def test_a_set_of_any_size_is_one_statement(
    django_assert_num_queries: Callable[..., object], count: int
) -> None:
    rows = entries(*(str(number) for number in range(count)))

    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        sets.insert_new(InboxEntry, COLUMNS, rows, unique=UNIQUE)

    changes = [(row[0], f"{row[2]} changed") for row in rows]
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        sets.update(InboxEntry, ("uuid", "handler"), changes)
    assert InboxEntry.objects.filter(handler__endswith="changed").count() == count


@pytest.mark.django_db
def test_no_rows_are_no_statement(django_assert_num_queries: Callable[..., object]) -> None:
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert sets.insert(InboxEntry, COLUMNS, []) == 0
        assert sets.insert_new(InboxEntry, COLUMNS, [], unique=UNIQUE) == set()
        assert sets.update(InboxEntry, ("uuid", "handler"), []) == 0
        sets.record_history(licenses.License, [], kind="+", by=None)
        sets.rewrite_history(licenses.License, ("uuid", "email"), [])


def test_chunks_keep_the_order_and_the_rest() -> None:
    assert [list(chunk) for chunk in sets.chunks(range(5), 2)] == [[0, 1], [2, 3], [4]]


def test_uuids_are_ordered_as_the_database_does(db):
    from bursar.customers.models import Customer

    made = [uuid.uuid4() for _ in range(50)]
    Customer.objects.bulk_create([Customer(uuid=each, name="C", slug=each.hex[:30]) for each in made])

    order = sets._Database(Customer).order_of(["uuid"], ["uuid"])

    assert sorted(made, key=lambda each: order((each,))) == list(
        Customer.objects.order_by("uuid").values_list("uuid", flat=True)
    )
