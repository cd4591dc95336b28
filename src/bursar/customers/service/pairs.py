"""What the pairs of bulk enrollment mean: which person or address, which run, what pays for it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import CustomerCatalog, Run
from bursar.customers.data import BulkPair, FulfillmentKind
from bursar.customers.service.linking import invalid_email
from bursar.customers.service.sponsoring import Place, Subsidy
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import clock, emails
from bursar.lib.outcomes import Refusal

_HIGHEST_ID = 2**63 - 1  # a larger number fits into no database's column, so nobody has it


@dataclass(slots=True)
class Wish(Place):
    """A pair that names an account; ``index`` is its place in the request."""

    index: int
    pair: BulkPair

    @property
    def email(self) -> str:
        """The account's address, where its mail goes."""
        return self.person.email

    @property
    def lms_user_id(self) -> int | None:
        """The account."""
        return self.person.lms_user_id


@dataclass(slots=True)
class WaitingWish:
    """A pair that names an address which nobody has confirmed; ``index`` is its place in the request."""

    email: str
    run: Run
    mode: str
    subsidy: Subsidy
    index: int
    pair: BulkPair

    @property
    def lms_user_id(self) -> int | None:
        """Nobody yet."""
        return None


@dataclass(slots=True)
class Understood:
    """What a request wishes for, each list in its order, and its refused pairs by their index."""

    wishes: list[Wish]
    waiting: list[WaitingWish]
    refusals: dict[int, Refusal]


def understand(
    customer_uuid: UUID,
    pairs: Sequence[BulkPair],
    *,
    discount_percent: Decimal,
    runs: Mapping[str, Run] | None,
    catalogs: Collection[CustomerCatalog] | None,
) -> Understood:
    """Finds whom and what the pairs mean.

    ``runs`` and ``catalogs`` are what the caller has looked up, if it has.
    Effects: reads only, at most four queries for up to 1,000 people and runs.
    """
    whos = _Remembered(_Directory(pairs).find)
    courses = _Courses(customer_uuid, {pair.run_key for pair in pairs}, runs, catalogs)
    places = _Remembered(courses.find)
    subsidies = _Remembered(_read_subsidy)
    understood = Understood([], [], {})
    for index, pair in enumerate(pairs):
        who = whos[pair.email, pair.lms_user_id]
        place = places[pair.run_key,]
        subsidy = subsidies[pair.license_uuid, pair.transaction_id]
        if isinstance(who, Refusal):
            understood.refusals[index] = who
        elif isinstance(place, Refusal):
            understood.refusals[index] = place
        elif isinstance(subsidy, Refusal):
            understood.refusals[index] = subsidy
        elif isinstance(who, Person):
            run, mode = place
            understood.wishes.append(
                Wish(
                    (who.lms_user_id, run.key), who, run, mode, subsidy,
                    pair.force, pair.is_default_auto_enrollment, discount_percent,
                    index, pair,
                )
            )  # fmt: skip
        else:
            run, mode = place
            closed = courses.refusal(run, pair.force)
            if closed is None:
                understood.waiting.append(WaitingWish(who, run, mode, subsidy, index, pair))
            else:
                understood.refusals[index] = closed
    return understood


FoundT = TypeVar("FoundT")


class _Remembered(dict[tuple[Any, ...], FoundT]):
    """Finds out once for each key: people, runs and licenses are named many times in one request."""

    def __init__(self, find: Callable[..., FoundT]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, key: tuple[Any, ...]) -> FoundT:
        found = self[key] = self._find(*key)
        return found


def _read_subsidy(license_uuid: str | None, transaction_id: str | None) -> Subsidy | Refusal:
    """The kind and the uuid of what pays for a pair."""
    if (license_uuid is None) == (transaction_id is None):
        return Refusal("invalid_subsidy", _("Name either a license or a transaction."))
    if license_uuid is not None:
        try:
            return FulfillmentKind.LICENSE.value, UUID(license_uuid)
        except ValueError:
            text = _("%(text)s is not the uuid of a license.") % {"text": license_uuid}
            return Refusal("invalid_license", text)
    try:
        return FulfillmentKind.LEARNER_CREDIT.value, UUID(transaction_id)
    except ValueError:
        text = _("%(text)s is not the uuid of a transaction.") % {"text": transaction_id}
        return Refusal("invalid_transaction", text)


class _Directory:
    """The people whom pairs name."""

    def __init__(self, pairs: Sequence[BulkPair]) -> None:
        written = {pair.email for pair in pairs if pair.email is not None}
        self._addresses = {text: emails.normalize(text) for text in written}
        # To check the form of an address takes longer than to find the account that has it.
        written = {address for address in self._addresses.values() if address.isprintable()}
        self._by_email = identity.find_people_by_email(written) if written else {}
        self._valid = {each for each in written if each in self._by_email or emails.is_valid(each)}
        self.people = {person.lms_user_id: person for person in self._by_email.values()}
        ids = {pair.lms_user_id for pair in pairs if pair.lms_user_id is not None}
        unseen = {each for each in ids if each not in self.people and 0 < each <= _HIGHEST_ID}
        if unseen:
            self.people.update(identity.find_people_by_lms_user_id(unseen))

    def find(self, email: str | None, lms_user_id: int | None) -> Person | str | Refusal:
        """The person, or the address that waits for somebody to confirm it."""
        address = None if email is None else self._addresses[email]
        if address is not None and address not in self._valid:
            return invalid_email(str(email))
        if lms_user_id is not None:
            return self._find_by_id(lms_user_id, address)
        if address is None:
            return Refusal("unknown_user", _("Name a person by an LMS user id or an e-mail address."))
        person = self._by_email.get(address)
        # Whoever only claims the address gets nothing that is meant for it.
        return person if person is not None and person.is_confirmed else address

    def _find_by_id(self, lms_user_id: int, address: str | None) -> Person | Refusal:
        person = self.people.get(lms_user_id)
        if person is None:
            text = _("There is no account with the LMS user id %(id)s.") % {"id": lms_user_id}
            return Refusal("unknown_user", text)
        if address is not None and address != person.email:
            text = _("The account with the LMS user id %(id)s has another e-mail address.") % {
                "id": lms_user_id
            }
            return Refusal("user_mismatch", text)
        return person


class _Courses:
    """The runs that pairs name, and whether the customer may use them."""

    def __init__(
        self,
        customer_uuid: UUID,
        keys: Iterable[str],
        runs: Mapping[str, Run] | None,
        catalogs: Collection[CustomerCatalog] | None,
    ) -> None:
        self._moment = clock.now()
        if runs is None:
            runs = catalog.find_runs([key for key in keys if catalog.is_run_key(key)])
        if catalogs is None:
            catalogs = catalog.list_catalogs(customer_uuid=customer_uuid) if runs else []
        self._places = self._judge(runs, catalogs)
        self._closed: dict[tuple[str, bool], Refusal | None] = {}

    def _judge(
        self, runs: Mapping[str, Run], catalogs: Collection[CustomerCatalog]
    ) -> dict[str, tuple[Run, str] | Refusal]:
        places: dict[str, tuple[Run, str] | Refusal] = {}
        for key, run in runs.items():
            if any(each.contains(run.course_key) for each in catalogs):
                places[key] = (run, run.best_mode(self._moment))
            else:
                text = _("%(run_key)s is in none of the organization's catalogs.") % {"run_key": key}
                places[key] = Refusal("not_in_catalog", text)
        return places

    def find(self, key: str) -> tuple[Run, str] | Refusal:
        """The run and the mode for a sponsored learner."""
        place = self._places.get(key)
        if place is None:
            return Refusal("unknown_course_run", _("There is no course run %(run_key)s.") % {"run_key": key})
        return place

    def refusal(self, run: Run, force: bool) -> Refusal | None:
        """Why nobody gets into the run at this moment."""
        way = (run.key, force)
        if way not in self._closed:
            self._closed[way] = run.refusal(self._moment, force=force)
        return self._closed[way]
