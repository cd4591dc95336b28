from datetime import UTC, datetime, timedelta

import pytest

from bursar.catalog.data import Mode, Run

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def make_run(**facts):
    wanted = {
        "key": "course-v1:MITx+6.00.1x+2T2026",
        "course_key": "MITx+6.00.1x",
        "org": "MITx",
        "title": "Computing",
        "start": None,
        "end": None,
        "enrollment_start": None,
        "enrollment_end": None,
        "pacing": "self_paced",
        "is_enrollable": True,
        "invitation_only": False,
        "max_enrollments": None,
        "blocked_countries": (),
        "modes": (),
    }
    return Run(**{**wanted, **facts})


def mode(slug, expires_at=None):
    return Mode(slug=slug, price_cents=0, currency="USD", expires_at=expires_at)


def test_a_run_without_dates_takes_everyone():
    assert make_run().refusal(NOW) is None


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"enrollment_start": NOW}, "enrollment_not_open_yet"),
        ({"enrollment_start": NOW + DAY}, "enrollment_not_open_yet"),
        ({"enrollment_end": NOW}, "enrollment_closed"),
        ({"enrollment_end": NOW - DAY}, "enrollment_closed"),
        ({"invitation_only": True}, "invitation_only"),
        ({"is_enrollable": False}, "run_not_enrollable"),
        ({"is_enrollable": False, "enrollment_end": NOW - DAY}, "enrollment_closed"),
    ],
)
def test_a_closed_run_says_why_and_force_passes_it(facts, code):
    assert make_run(**facts).refusal(NOW).code == code
    assert make_run(**facts).refusal(NOW, force=True) is None


def test_the_window_is_open_strictly_between_its_ends():
    run = make_run(
        enrollment_start=NOW - timedelta(microseconds=1), enrollment_end=NOW + timedelta(microseconds=1)
    )

    assert run.refusal(NOW) is None


def test_a_run_that_has_ended_stays_open_while_its_window_is():
    assert make_run(start=NOW - 9 * DAY, end=NOW - DAY).refusal(NOW) is None


def test_the_best_mode_is_the_first_of_the_order_that_is_offered():
    offered = (mode("audit"), mode("professional"), mode("verified", expires_at=NOW - DAY))

    assert make_run(modes=offered).best_mode(NOW) == "professional"
    assert make_run(modes=offered).best_mode(NOW - 2 * DAY) == "verified"
    assert make_run(modes=(mode("honor"),)).best_mode(NOW) == "honor"
    assert make_run(modes=(mode("masters"),)).best_mode(NOW) == "audit"


def test_a_mode_is_offered_up_to_the_moment_at_which_it_expires():
    run = make_run(modes=(mode("audit"), mode("verified", expires_at=NOW)))

    assert run.has_mode("verified", NOW)
    assert not run.has_mode("verified", NOW + timedelta(microseconds=1))
    assert run.has_mode("verified", NOW + DAY, include_expired=True)


def test_a_run_without_offered_modes_offers_audit_for_nothing():
    expired = make_run(modes=(mode("verified", expires_at=NOW - DAY),))

    assert [(each.slug, each.price_cents) for each in expired.offered_modes(NOW)] == [("audit", 0)]
    assert [each.slug for each in expired.offered_modes(NOW, include_expired=True)] == ["verified"]


def test_without_a_wish_one_gets_audit_or_else_honor():
    assert make_run(modes=(mode("honor"), mode("audit"))).default_mode(NOW) == "audit"
    assert make_run(modes=(mode("honor"), mode("verified"))).default_mode(NOW) == "honor"
    assert make_run(modes=(mode("verified"),)).default_mode(NOW) == "audit"
