"""Accounts, roles and the credentials of programs."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from bursar.identity.data import ADMIN, LEARNER, OPERATOR, PROVISIONER, RetirementState
from bursar.lib import clock, emails, sets
from bursar.lib.fields import AddressField, ExactCharField
from bursar.lib.history import tracked

USERNAME_MAX_LENGTH = 150
NAME_MAX_LENGTH = 255
ROLE_MAX_LENGTH = 64
CONTEXT_MAX_LENGTH = 36  # a uuid as text


class UserManager(BaseUserManager["User"]):
    """What Django's own tools need: ``createsuperuser`` and finding an account by its username."""

    def create_superuser(self, username: str, email: str, password: str | None = None) -> "User":
        """Makes an account for the Django admin. The address counts as confirmed.

        Beside an LMS the account is of this installation alone: no token can point at its id, and its
        address is only a note, so that it takes none from a person of the LMS.
        """
        is_ours = settings.ISSUES_TOKENS
        with transaction.atomic():
            user = User(
                username=username,
                email=email,
                email_key=emails.normalize(email) if is_ours else None,
                lms_user_id=Counter.take_lms_user_ids(1)[0] if is_ours else Counter.take_local_id(),
                is_staff=True,
                is_superuser=True,
                confirmed_at=clock.now() if is_ours else None,
            )
            user.set_password(password)
            user.save()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """An account. Other contexts know it by ``lms_user_id``.

    ``email`` is the address as it was typed, ``email_key`` its normalized form; a program's account has none.

    .. pii: Who the person is: username, address, name; the password's hash; when they signed in last.
    .. pii_types: id, name, username, email_address, password
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField(_("LMS user id"), unique=True)
    username = ExactCharField(_("username"), max_length=USERNAME_MAX_LENGTH, unique=True)
    email = models.CharField(_("e-mail address"), max_length=emails.MAX_LENGTH, blank=True)
    email_key = AddressField(unique=True, null=True, editable=False)
    name = models.CharField(_("full name"), max_length=NAME_MAX_LENGTH, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    confirmed_at = models.DateTimeField(_("address confirmed at"), null=True, blank=True)
    joined_at = models.DateTimeField(_("joined at"), default=clock.now)
    modified_at = models.DateTimeField(_("modified at"), auto_now=True)
    active_customer_uuid = models.UUIDField(null=True, blank=True)

    token_claims: Mapping[str, Any] | None = None
    """The claims of the token that this instance came with; None when it came with a session."""

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return str(self.username)

    def get_full_name(self) -> str:
        return str(self.name or self.username)

    def get_short_name(self) -> str:
        return str(self.username)


class Counter(models.Model):
    """The highest number given out so far, so that none is given twice, not even after a deletion.

    .. no_pii:
    """

    name = ExactCharField(max_length=50, primary_key=True)
    value = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"

    @classmethod
    def take_lms_user_ids(cls, count: int, *, above: int = 0) -> range:
        """Gives out ``count`` new LMS user ids, beyond ``above`` and beyond every id that is in use.

        Call it in the transaction that makes the accounts, before it reads any: the counter's row is
        locked until the end, so accounts are made one after the other. ``count`` 0 only locks.
        """
        locked = cls.objects.select_for_update().filter(name=_LMS_USER_ID)
        counter = locked.first()
        if counter is None:
            # The very first account. On MariaDB two of them at once may deadlock here, never later.
            cls.prepare()
            counter = locked.get()
        if not count:
            return range(0)
        in_use = User.objects.aggregate(highest=models.Max("lms_user_id"))["highest"] or 0
        first = max(counter.value, in_use, above) + 1
        counter.value = first + count - 1
        counter.save(update_fields=["value"])
        return range(first, first + count)

    @classmethod
    def prepare(cls) -> None:
        """Makes the row that ``take_lms_user_ids`` locks, if it is missing. One query when it is there.

        Called before the transaction begins, it spares first accounts that are made at once the deadlock.
        """
        if not cls.objects.filter(name=_LMS_USER_ID).exists():
            sets.insert_new(cls, ("name", "value"), [(_LMS_USER_ID, 0)], unique=("name",))

    @classmethod
    def take_local_id(cls) -> int:
        """A new id for an account that no LMS knows: below zero, where no LMS counts.

        Call it in the transaction that makes the account; it locks as ``take_lms_user_ids`` does.
        """
        cls.take_lms_user_ids(0)
        lowest = User.objects.aggregate(lowest=models.Min("lms_user_id"))["lowest"] or 0
        return int(min(lowest, 0)) - 1

    @classmethod
    def highest_lms_user_id(cls) -> int:
        """The highest id given out here; 0 when all ids came from elsewhere."""
        counter = cls.objects.filter(name=_LMS_USER_ID).first()
        return counter.value if counter else 0


_LMS_USER_ID = "lms_user_id"


class RoleAssignment(models.Model):
    """This person has this role for one customer (its uuid) or for every customer (``*``).

    .. no_pii: The person is an LMS user id.
    """

    ROLES = (
        (ADMIN, _("Administrator of a customer")),
        (LEARNER, _("Learner at a customer")),
        (OPERATOR, _("Operator of the platform")),
        (PROVISIONER, _("Sets up agreements and plans")),
    )

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField(_("LMS user id"))
    role = ExactCharField(_("role"), max_length=ROLE_MAX_LENGTH, choices=ROLES)
    context = ExactCharField(
        _("context"),
        max_length=CONTEXT_MAX_LENGTH,
        help_text=_("The customer's uuid, or * for every customer."),
    )
    assigned_at = models.DateTimeField(_("assigned at"), default=clock.now, editable=False)

    history = tracked()

    class Meta:
        ordering = ("assigned_at", "uuid")
        constraints = (
            models.UniqueConstraint(fields=("lms_user_id", "role", "context"), name="identity_role_once"),
        )
        indexes = (models.Index("role", "context", name="identity_role_holders"),)

    def __str__(self) -> str:
        return f"{self.lms_user_id} {self.role}:{self.context}"


class ServiceAccount(models.Model):
    """The credentials of a program. The secret is kept as a hash only.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client_id = ExactCharField(max_length=150, unique=True)
    secret_hash = models.CharField(max_length=128, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="service_account")

    def __str__(self) -> str:
        return str(self.client_id)


class FormerAddress(models.Model):
    """An address that an account had confirmed and has no longer. Kept until the account is retired.

    .. pii: an address
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField()
    email = AddressField()
    left_at = models.DateTimeField()

    class Meta:
        ordering = ("left_at", "uuid")
        constraints = (
            models.UniqueConstraint(fields=("lms_user_id", "email"), name="identity_former_address_once"),
        )

    def __str__(self) -> str:
        return str(self.uuid)


class Retirement(models.Model):
    """An account on its way out: closed at once, without name and address once it is complete.

    ``username`` and ``email`` are those that stand in for the original ones, which are empty in the end.

    .. pii: the original username and address, until the retirement is complete
    .. pii_types: username, email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField(_("LMS user id"), unique=True)
    original_username = ExactCharField(max_length=USERNAME_MAX_LENGTH, blank=True, db_index=True)
    original_email = AddressField(blank=True)
    username = ExactCharField(max_length=USERNAME_MAX_LENGTH)
    email = AddressField(blank=True)
    state = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in RetirementState],
        default=RetirementState.PENDING,
    )
    was_active = models.BooleanField(default=True, editable=False)
    requested_at = models.DateTimeField()
    requested_by = models.BigIntegerField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-requested_at", "uuid")

    def __str__(self) -> str:
        return f"{self.lms_user_id} ({self.state})"
