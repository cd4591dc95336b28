"""When this happens, that follows: the one table of reactions."""

from bursar.customers import handlers as customers
from bursar.enrollments import handlers as enrollments
from bursar.events.coupons import CODE_ASSIGNMENTS_REFUSED, CODES_ASSIGNED
from bursar.events.customers import LEARNERS_ENROLLED
from bursar.events.enrollments import (
    CUSTOMERS_NAMED,
    ENROLLMENTS_CHANGED,
    ENROLLMENTS_CREATED,
    ENROLLMENTS_ENDED,
)
from bursar.events.identity import (
    ADDRESS_CONFIRMATIONS_REQUESTED,
    ADDRESSES_CONFIRMED,
    PEOPLE_CHANGED,
    PEOPLE_RETIRED,
)
from bursar.events.licenses import (
    ASSIGNMENTS_REFUSED,
    LICENSES_ASSIGNED,
    LICENSES_EXPIRED,
    LICENSES_RENEWED,
    LICENSES_REVOKED,
)
from bursar.events.outbox import DELIVERIES_DIED
from bursar.events.subsidy_requests import (
    LEARNERS_DECLINED,
    LICENSE_REQUESTS_APPROVED,
    SUBSIDY_TYPES_CHANGED,
)
from bursar.jobs import handlers as jobs
from bursar.licenses import handlers as licenses
from bursar.notifications import handlers as notifications
from bursar.outbox import handlers as outbox
from bursar.outbox.data import Reaction
from bursar.subsidy_requests import handlers as subsidy_requests

REACTIONS: tuple[Reaction, ...] = (
    # Someone signed up: the link that proves the address.
    Reaction(
        ADDRESS_CONFIRMATIONS_REQUESTED,
        "notifications.send_confirmation_mails",
        notifications.send_confirmation_mails,
    ),
    # An address is no longer somebody's: its link is dead.
    Reaction(PEOPLE_CHANGED, notifications.CANCEL_DEAD_LINKS, notifications.cancel_dead_links),
    # An address is confirmed: what waited for it is done, and what belonged to the one before follows.
    Reaction(ADDRESSES_CONFIRMED, customers.ENROLL_CONFIRMED_PEOPLE, customers.enroll_confirmed_people),
    Reaction(ADDRESSES_CONFIRMED, enrollments.ENROLL_ALLOWED_PEOPLE, enrollments.enroll_allowed_people),
    Reaction(ADDRESSES_CONFIRMED, customers.FOLLOW_ADDRESSES, customers.follow_addresses),
    Reaction(ADDRESSES_CONFIRMED, enrollments.FOLLOW_ADDRESSES, enrollments.follow_addresses),
    Reaction(ADDRESSES_CONFIRMED, licenses.FOLLOW_ADDRESSES, licenses.follow_addresses),
    Reaction(ADDRESSES_CONFIRMED, subsidy_requests.FOLLOW_ADDRESSES, subsidy_requests.follow_addresses),
    Reaction(ADDRESSES_CONFIRMED, notifications.FOLLOW_ADDRESSES, notifications.follow_addresses),
    # Somebody was retired: nobody keeps their address, username or name.
    Reaction(PEOPLE_RETIRED, outbox.NOTE_RETIRED_PEOPLE, outbox.note_retired_people),
    Reaction(PEOPLE_RETIRED, notifications.FORGET_RETIRED_PEOPLE, notifications.forget_retired_people),
    Reaction(PEOPLE_RETIRED, customers.FORGET_RETIRED_PEOPLE, customers.forget_retired_people),
    Reaction(PEOPLE_RETIRED, enrollments.FORGET_RETIRED_PEOPLE, enrollments.forget_retired_people),
    Reaction(PEOPLE_RETIRED, licenses.FORGET_RETIRED_PEOPLE, licenses.forget_retired_people),
    Reaction(PEOPLE_RETIRED, subsidy_requests.FORGET_RETIRED_PEOPLE, subsidy_requests.forget_retired_people),
    Reaction(PEOPLE_RETIRED, jobs.FORGET_RETIRED_PEOPLE, jobs.forget_retired_people),
    # Somebody's place in a run has changed: Open edX's signals are sent, all by one handler, in order.
    Reaction(ENROLLMENTS_CREATED, enrollments.SEND_SIGNALS, enrollments.send_created),
    Reaction(ENROLLMENTS_CHANGED, enrollments.SEND_SIGNALS, enrollments.send_changed),
    Reaction(ENROLLMENTS_ENDED, enrollments.SEND_SIGNALS, enrollments.send_ended),
    # Whoever came in has used what let the address in.
    Reaction(ENROLLMENTS_CREATED, enrollments.USE_ALLOWANCES, enrollments.use_allowances),
    # Who left, or came back, has left or come back for the customer that pays, too.
    Reaction(ENROLLMENTS_CREATED, customers.FOLLOW_ENROLLMENTS, customers.note_back),
    Reaction(ENROLLMENTS_ENDED, customers.FOLLOW_ENROLLMENTS, customers.note_left),
    # A customer was named with an enrollment: the learner becomes the customer's.
    Reaction(CUSTOMERS_NAMED, customers.SPONSOR_ENROLLED_PEOPLE, customers.sponsor_enrolled_people),
    # An approved request is given its license, and then closed.
    Reaction(LICENSE_REQUESTS_APPROVED, "licenses.fulfil_approvals", licenses.fulfil_approvals),
    Reaction(LICENSES_ASSIGNED, subsidy_requests.CLOSE_FULFILLED, subsidy_requests.close_fulfilled_licenses),
    Reaction(ASSIGNMENTS_REFUSED, subsidy_requests.CLOSE_REFUSED, subsidy_requests.close_refused_licenses),
    # The same for codes; whoever holds coupons will assign them.
    Reaction(CODES_ASSIGNED, subsidy_requests.CLOSE_FULFILLED_CODES, subsidy_requests.close_fulfilled_codes),
    Reaction(
        CODE_ASSIGNMENTS_REFUSED, subsidy_requests.CLOSE_REFUSED_CODES, subsidy_requests.close_refused_codes
    ),
    # A customer pays for requests in another way: what waits for the old one is declined.
    Reaction(
        SUBSIDY_TYPES_CHANGED, subsidy_requests.DECLINE_OTHER_TYPES, subsidy_requests.decline_other_types
    ),
    # An administrator declined a learner and wants them to leave.
    Reaction(LEARNERS_DECLINED, subsidy_requests.UNLINK_DECLINED, subsidy_requests.unlink_declined),
    # Whoever was given a license learns at the customer.
    Reaction(LICENSES_ASSIGNED, customers.LINK_LICENSED_PEOPLE, customers.link_licensed_people),
    # A license was taken back: what it paid for ends.
    Reaction(LICENSES_REVOKED, customers.END_REVOKED, customers.end_revoked),
    # Where the license was renewed already, the renewed one goes as well.
    Reaction(LICENSES_REVOKED, licenses.REVOKE_RENEWED, licenses.revoke_renewed),
    # A plan is over: what its licenses paid for ends, unless it was prolonged meanwhile.
    Reaction(LICENSES_EXPIRED, licenses.END_EXPIRED, licenses.end_expired),
    # A license was renewed: the new one pays. By the same handler, which keeps the order if it is taken back.
    Reaction(LICENSES_RENEWED, customers.END_REVOKED, customers.pay_with_renewed),
    # Nobody waits for ever: what failed at every try ends the waiting, too.
    Reaction(DELIVERIES_DIED, subsidy_requests.CLOSE_DEAD, subsidy_requests.close_dead),
    Reaction(DELIVERIES_DIED, "customers.give_up_waiting", customers.give_up_waiting),
)

AWAITING = (
    # coupons makes an order of each: its reaction will catch up on those from before it was built.
    LEARNERS_ENROLLED,
)
"""Events whose reaction is not built yet: they are kept until it is."""
