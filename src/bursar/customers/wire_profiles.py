"""Customers and their people as edx-enterprise's JSON. Contracts: customers D, portals 1.1 and 2.1.

Each key of the peer is there, for the portals' pages break without some of them. What Bursar does not have is
``null``, ``[]``, ``false`` or the peer's default.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from bursar.customers.data import SWITCHES, CustomerProfile, LearnerProfile, Member
from bursar.identity.data import Person

CONTACTS = ("contact_email", "reply_to", "sender_alias")
"""What an administrator may change beside the switches; the columns have the same names."""

FEATURES = dict.fromkeys(
    (
        "top_down_assignment_real_time_lcm",
        "feature_prequery_search_suggestions",
        "enterprise_groups_v1",
        "enterprise_groups_v2",
        "enterprise_customer_support_tool",
        "enterprise_learner_bff_enabled",
        "enterprise_learner_bff_concurrent_requests",
        "catalog_query_search_filters_enabled",
        "enterprise_admin_onboarding_enabled",
        "enterprise_edit_highlights_enabled",
    ),
    False,
)
"""edx-enterprise's ``enterprise_features`` beside its lists: Bursar has nothing of what these flags show."""

_COLORS = {"primary_color": "#2D323E", "secondary_color": "#D7E3FC", "tertiary_color": "#007D88"}
"""edx-enterprise's colors of a customer without any; the portals compute with them, so null would not do."""

_JOINED = "%b %d, %Y"
"""The portal shows the text as it is."""


def to_customer(profile: CustomerProfile) -> dict[str, Any]:
    """The full customer; also in each row of ``to_learner``."""
    provider = profile.identity_provider
    host = urlsplit(settings.PUBLIC_URL).netloc
    return {
        "uuid": profile.uuid,
        "name": profile.name,
        "slug": profile.slug,
        "active": profile.is_active,
        "auth_org_id": profile.auth_org_id or None,
        "site": {"domain": host, "name": host},
        "country": profile.country or None,
        "default_language": profile.default_language or None,
        "contact_email": profile.contact_email or None,
        "reply_to": profile.reply_to or None,
        "sender_alias": profile.sender_alias or None,
        "branding_configuration": {
            "enterprise_customer": profile.uuid,
            "enterprise_slug": profile.slug,
            "logo": None,
            **_COLORS,
        },
        "identity_provider": provider or None,
        "identity_providers": [{"provider_id": provider, "default_provider": True}] if provider else [],
        "enterprise_customer_catalogs": list(profile.catalog_uuids),
        "admin_users": [{"email": each.email, "lms_user_id": each.lms_user_id} for each in profile.admins],
        "active_integrations": [],
        "enterprise_notification_banner": None,
        "career_engagement_network_message": None,
        "learner_portal_sidebar_content": None,
        "learner_credit_message_box_content": None,
        "enable_data_sharing_consent": False,
        "enforce_data_sharing_consent": "externally_managed",
        "enable_learner_portal": profile.enable_learner_portal,
        "enable_universal_link": profile.enable_universal_link,
        "enable_autocohorting": profile.enable_autocohorting,
        **{name: name in profile.switches for name in SWITCHES},
        "modified": profile.modified_at,
    }


def to_learner(profile: LearnerProfile, customer: Mapping[str, Any]) -> dict[str, Any]:
    """A learner's link; ``customer`` is ``to_customer`` of the profile's customer.

    Clients read ``id`` as a number and ask for nothing by it; our links have a uuid only, so the LMS user id
    stands there, which is unique within a customer.
    """
    return {
        "id": profile.lms_user_id,
        "uuid": profile.link_uuid,
        "enterprise_customer": customer,
        "active": profile.is_active,
        "user_id": profile.lms_user_id,
        "user": _to_user(profile.lms_user_id, profile.person),
        "data_sharing_consent_records": [],
        "groups": [],
        "enterprise_group": [],
        "created": profile.created_at,
        "invite_key": profile.invite_key_uuid,
        "role_assignments": list(profile.roles),
    }


def to_learners(profiles: Sequence[LearnerProfile]) -> list[dict[str, Any]]:
    """A page of learners."""
    customers = {each.customer.uuid: each.customer for each in profiles}
    written = {uuid: to_customer(customer) for uuid, customer in customers.items()}
    return [to_learner(each, written[each.customer.uuid]) for each in profiles]


def to_member(member: Member) -> dict[str, Any]:
    """A member as the admin portal lists them; ``user_id`` is null while the address waits."""
    return {
        "enterprise_customer_user": {
            "user_id": member.lms_user_id,
            "email": member.email,
            "joined_org": member.joined_at.strftime(_JOINED),
            "name": member.name,
        },
        "enrollments": member.enrollment_count,
    }


def _to_user(lms_user_id: int, person: Person | None) -> dict[str, Any]:
    """The account. Here a name is one text, and stands as the first name."""
    return {
        "id": lms_user_id,
        "username": person.username if person else "",
        "first_name": person.name if person else "",
        "last_name": "",
        "email": person.email if person else "",
        "is_staff": person.is_staff if person else False,
        "is_active": person.is_active if person else False,
        "date_joined": person.joined_at if person else None,
    }
