"""The addresses that accounts have left behind."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from bursar.events.identity import AddressConfirmed
from bursar.identity.models import FormerAddress, User
from bursar.lib import clock


def leave(*, lms_user_id: int, old_email: str, email: str) -> None:
    """Remembers that the account had confirmed ``old_email`` and goes by ``email`` from now on."""
    mine = FormerAddress.objects.filter(lms_user_id=lms_user_id)
    mine.filter(email=email).delete()
    if old_email:
        mine.update_or_create(lms_user_id=lms_user_id, email=old_email, defaults={"left_at": clock.now()})


def find_formers(lms_user_ids: Collection[int]) -> dict[int, list[str]]:
    """What these accounts have left and nobody else has now, the latest last. Two queries."""
    rows = FormerAddress.objects.filter(lms_user_id__in=lms_user_ids).order_by("left_at", "uuid")
    left = list(rows.values_list("lms_user_id", "email"))
    if not left:
        return {}
    taken = User.objects.filter(email_key__in={email for _, email in left})
    elsewhere = set(taken.values_list("email_key", flat=True))
    formers: dict[int, list[str]] = defaultdict(list)
    for lms_user_id, email in left:
        if email not in elsewhere:
            formers[lms_user_id].append(email)
    return formers


def confirmed_facts(users: Sequence[User]) -> list[AddressConfirmed]:
    """What to tell of accounts whose addresses are confirmed now. One or two queries."""
    formers = find_formers({user.lms_user_id for user in users})
    return [
        AddressConfirmed(
            user.lms_user_id,
            user.username,
            user.email_key or "",
            formers.get(user.lms_user_id, [""])[-1],
        )
        for user in users
    ]
