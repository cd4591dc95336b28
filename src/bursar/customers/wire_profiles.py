"""Customers and their people as edx-enterprise's JSON. Contracts: customers D, portals 1.1 and 2.1.

Each key of the peer is there, for the portals' pages break without some of them. What Bursar does not have is
``null``, ``[]``, ``false`` or the peer's default.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from bursar.customers.data import SWITCHES, CustomerProfile

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


def to_customer(profile: CustomerProfile) -> dict[str, Any]:
    """The full customer."""
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
