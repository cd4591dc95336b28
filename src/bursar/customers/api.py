"""The door of customers.

``find_customers``, ``get_customer``, ``get_active_customer`` and ``find_customer_by_slug`` say who the
customers are, ``find_links`` and ``is_linked`` who learns there. ``link_learners`` and ``make_admins``
change that, and ``unlink_learners``, ``unlink_people`` and ``leave`` take it back. ``create_invite_key``,
``list_invite_keys``, ``switch_invite_key``, ``switch_universal_link`` and ``link_by_key`` are about links
that people open.
``enroll_in_bulk`` gets people into runs at a customer's expense, and ``rehearse_in_bulk`` says what it
would do; ``end_sponsorships``, ``end_learner_sponsorships`` and ``cancel_fulfillment`` end it;
with ``replace_licenses`` other licenses pay from then on.
``choose_customer`` says for which of their customers a learner acts, ``change_portals`` what a customer's
portals show. ``save_customers`` makes customers as a world file wants them.
"""

from bursar.customers.service.bulk import enroll_in_bulk, rehearse_in_bulk
from bursar.customers.service.choosing import choose_customer
from bursar.customers.service.ending import cancel_fulfillment, end_learner_sponsorships, end_sponsorships
from bursar.customers.service.fulfillments import (
    get_fulfillment,
    list_own_places,
    list_unenrolled,
    save_for_later,
)
from bursar.customers.service.invites import (
    create_invite_key,
    link_by_key,
    list_invite_keys,
    switch_invite_key,
    switch_universal_link,
)
from bursar.customers.service.linking import find_links, is_linked
from bursar.customers.service.members import link_learners, make_admins
from bursar.customers.service.organizations import (
    find_customer_by_slug,
    find_customers,
    get_active_customer,
    get_customer,
    save_customers,
)
from bursar.customers.service.renewing import replace_licenses
from bursar.customers.service.switching import change_portals
from bursar.customers.service.unlinking import leave, unlink_learners, unlink_people

__all__ = [
    "cancel_fulfillment",
    "change_portals",
    "choose_customer",
    "create_invite_key",
    "end_learner_sponsorships",
    "end_sponsorships",
    "enroll_in_bulk",
    "find_customer_by_slug",
    "find_customers",
    "find_links",
    "get_active_customer",
    "get_customer",
    "get_fulfillment",
    "is_linked",
    "leave",
    "link_by_key",
    "link_learners",
    "list_invite_keys",
    "list_own_places",
    "list_unenrolled",
    "make_admins",
    "rehearse_in_bulk",
    "replace_licenses",
    "save_customers",
    "save_for_later",
    "switch_invite_key",
    "switch_universal_link",
    "unlink_learners",
    "unlink_people",
]
