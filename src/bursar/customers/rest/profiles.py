"""The shapes of customers and their people, for the description of the API; ``wire_profiles`` writes them."""

from typing import Any

from rest_framework import serializers

from bursar.customers.data import SWITCHES
from bursar.customers.wire_profiles import FEATURES


class SiteSerializer(serializers.Serializer[Any]):
    """Where this installation is reached."""

    domain = serializers.CharField()
    name = serializers.CharField()


class BrandingSerializer(serializers.Serializer[Any]):
    """How the portals look for the customer; the defaults of edx-enterprise."""

    enterprise_customer = serializers.UUIDField()
    enterprise_slug = serializers.CharField()
    logo = serializers.CharField(allow_null=True)
    primary_color = serializers.CharField()
    secondary_color = serializers.CharField()
    tertiary_color = serializers.CharField()


class ProviderSerializer(serializers.Serializer[Any]):
    """The customer's own sign-in."""

    provider_id = serializers.CharField()
    default_provider = serializers.BooleanField()


class AdminSerializer(serializers.Serializer[Any]):
    """Who administers the customer."""

    email = serializers.CharField()
    lms_user_id = serializers.IntegerField()


class _CustomerSerializer(serializers.Serializer[Any]):
    """A customer with what its portals show."""

    uuid = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    active = serializers.BooleanField()
    auth_org_id = serializers.CharField(allow_null=True)
    site = SiteSerializer()
    country = serializers.CharField(allow_null=True)
    default_language = serializers.CharField(allow_null=True)
    contact_email = serializers.CharField(allow_null=True)
    reply_to = serializers.CharField(allow_null=True)
    sender_alias = serializers.CharField(allow_null=True)
    branding_configuration = BrandingSerializer()
    identity_provider = serializers.CharField(allow_null=True)
    identity_providers = ProviderSerializer(many=True)
    enterprise_customer_catalogs = serializers.ListField(child=serializers.UUIDField())
    admin_users = AdminSerializer(many=True)
    active_integrations = serializers.ListField(help_text="Always empty: there are none here.")
    enterprise_notification_banner = serializers.CharField(allow_null=True, help_text="Always null.")
    career_engagement_network_message = serializers.CharField(allow_null=True, help_text="Always null.")
    learner_portal_sidebar_content = serializers.CharField(allow_null=True, help_text="Always null.")
    learner_credit_message_box_content = serializers.CharField(allow_null=True, help_text="Always null.")
    enable_data_sharing_consent = serializers.BooleanField(help_text="Always false: nobody is asked here.")
    enforce_data_sharing_consent = serializers.CharField()
    enable_learner_portal = serializers.BooleanField()
    enable_universal_link = serializers.BooleanField()
    enable_autocohorting = serializers.BooleanField()
    modified = serializers.DateTimeField()


def _flags(name: str, base: type[serializers.Serializer[Any]], flags: Any, **options: Any) -> Any:
    """A serializer with a boolean for each flag, beside the fields of the base."""
    fields = {flag: serializers.BooleanField(**options) for flag in flags}
    return type(name, (base,), {"__doc__": base.__doc__, **fields})


class _FeaturesSerializer(serializers.Serializer[Any]):
    """Parts of the front ends that are on; none is."""


CustomerSerializer = _flags("CustomerSerializer", _CustomerSerializer, SWITCHES)
FeaturesSerializer = _flags("FeaturesSerializer", _FeaturesSerializer, FEATURES)


class _PortalChangesSerializer(serializers.Serializer[Any]):
    """What an administrator may change of a customer; each may be left out."""

    contact_email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    reply_to = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    sender_alias = serializers.CharField(required=False, allow_blank=True, max_length=255)


PortalChangesSerializer = _flags(
    "PortalChangesSerializer", _PortalChangesSerializer, SWITCHES, required=False
)


class CustomerNameSerializer(serializers.Serializer[Any]):
    """A customer by name."""

    id = serializers.UUIDField()
    uuid = serializers.UUIDField()
    name = serializers.CharField()


class UserSerializer(serializers.Serializer[Any]):
    """An account."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    first_name = serializers.CharField(help_text="The full name: here a name is one text.")
    last_name = serializers.CharField(help_text="Always empty.")
    email = serializers.CharField()
    is_staff = serializers.BooleanField()
    is_active = serializers.BooleanField()
    date_joined = serializers.DateTimeField(allow_null=True)


class LearnerSerializer(serializers.Serializer[Any]):
    """A person who learns at a customer."""

    id = serializers.IntegerField(help_text="The LMS user id, which is unique within a customer.")
    uuid = serializers.UUIDField(help_text="The link's own.")
    enterprise_customer = CustomerSerializer()
    active = serializers.BooleanField(help_text="Whether the learner acts for this customer.")
    user_id = serializers.IntegerField()
    user = UserSerializer()
    data_sharing_consent_records = serializers.ListField(help_text="Always empty: nobody is asked here.")
    groups = serializers.ListField(help_text="Always empty: there are none here.")
    enterprise_group = serializers.ListField(help_text="Always empty: there are none here.")
    created = serializers.DateTimeField()
    invite_key = serializers.UUIDField(allow_null=True)
    role_assignments = serializers.ListField(child=serializers.CharField())


class MemberUserSerializer(serializers.Serializer[Any]):
    """Who a member is."""

    user_id = serializers.IntegerField(allow_null=True, help_text="null while the address waits.")
    email = serializers.CharField()
    joined_org = serializers.CharField(help_text="A date to be shown, such as `Nov 25, 2026`.")
    name = serializers.CharField()


class MemberSerializer(serializers.Serializer[Any]):
    """A learner of the customer, or an address that waits to become one's."""

    enterprise_customer_user = MemberUserSerializer()
    enrollments = serializers.IntegerField(help_text="Sponsored enrollments that go on.")


class _PageSerializer(serializers.Serializer[Any]):
    """A page."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    count = serializers.IntegerField()
    num_pages = serializers.IntegerField()
    current_page = serializers.IntegerField()
    start = serializers.IntegerField()


class CustomerPageSerializer(_PageSerializer):
    """Customers, by name."""

    results = CustomerSerializer(many=True)
    enterprise_features = FeaturesSerializer()


class LearnerPageSerializer(_PageSerializer):
    """Learners: active links first, the newest first."""

    results = LearnerSerializer(many=True)
    enterprise_features = FeaturesSerializer()


class MemberPageSerializer(_PageSerializer):
    """Members of a customer."""

    results = MemberSerializer(many=True)
