"""Which texts are addresses: the quick way says nothing that Django's own check does not."""

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from hypothesis import given
from hypothesis import strategies as st

from bursar.lib import emails

pytestmark = pytest.mark.once

NEAR = st.text("ab0._+-@'é \n", max_size=30) | st.builds(
    "{}@{}.{}".format, *(st.text("ab0._+-", max_size=8) for _ in range(2)), st.text("ab0-", max_size=4)
)


@given(NEAR)
def test_a_plain_address_is_one_for_django_as_well(text: str) -> None:
    if emails._PLAIN.fullmatch(text):
        EmailValidator()(text)


@given(NEAR.filter(str.isascii))
def test_ascii_addresses_are_judged_as_django_does(text: str) -> None:
    try:
        EmailValidator()(text)
    except ValidationError:
        assert not emails.is_valid(text)
    else:
        assert emails.is_valid(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("bob@acme.test", True),
        ("bob.b+x_y-z@sub.acme.test", True),
        ("josé@acme.test", True),
        ("o'neil@acme.test", True),
        (f"{'a' * 250}@x.org", False),
        ("bob@acme.test\n", False),
        ("bob@-acme.test", False),
        ("bob..b@acme.test", False),
        ("@acme.test", False),
    ],
)
def test_some_texts_are_addresses_and_others_are_not(text: str, is_one: bool) -> None:
    assert emails.is_valid(text) is is_one
