"""People, their roles and programs in the Django admin."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from bursar.identity import api
from bursar.identity.data import ANY_CUSTOMER, OPERATOR, PROVISIONER, ChangeRefused, RetirementState
from bursar.identity.models import Counter, Retirement, RoleAssignment, ServiceAccount, User
from bursar.lib import emails
from bursar.lib.admin import ReadOnlyAdmin

if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
    RoleModelForm = forms.ModelForm[RoleAssignment]
    UserModelAdmin = admin.ModelAdmin[User]
    RoleModelAdmin = admin.ModelAdmin[RoleAssignment]
    ServiceAccountModelAdmin = admin.ModelAdmin[ServiceAccount]
else:
    UserModelForm = RoleModelForm = forms.ModelForm
    UserModelAdmin = RoleModelAdmin = ServiceAccountModelAdmin = admin.ModelAdmin


class NewUserForm(UserModelForm):
    """Makes an account. Its address is confirmed by the mailed link, or by the action in the list."""

    password = forms.CharField(label=_("Password"), widget=forms.PasswordInput, required=True)

    class Meta:
        model = User
        fields = ("username", "email", "name", "is_staff")

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip()
        key = emails.normalize(email)
        if not emails.is_valid(key):
            raise ValidationError(gettext("Enter an e-mail address that can receive mail."))
        if User.objects.filter(email_key=key).exists():
            raise ValidationError(gettext("There is an account with this e-mail address already."))
        return email

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password, User(username=self.data.get("username", "")))
        return password


class PersonForm(UserModelForm):
    """Changes an account by identity's own rules, so that everybody who knows the person hears of it."""

    is_confirmed = forms.BooleanField(
        label=_("The new address is confirmed"),
        required=False,
        help_text=_("Otherwise a mail with a link to confirm it goes to the new address."),
    )

    class Meta:
        model = User
        fields = ("username", "email", "name", "is_active", "is_staff", "is_superuser")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            # The admin's own transaction is around this: what is free now is free when it is saved.
            api.check_person_change(lms_user_id=self.instance.lms_user_id, **self.wanted())
        except ChangeRefused as refusal:
            for field, error in refusal.errors.items():
                self.add_error(field, error)
        return cleaned

    def wanted(self) -> dict[str, str]:
        """What the person shall have, of the fields that may be changed."""
        return {field: self.cleaned_data[field] for field in _NAMES if field in self.cleaned_data}


@admin.register(User)
class UserAdmin(UserModelAdmin):
    """People: made, changed, closed and retired, never deleted."""

    list_display = ("username", "email", "name", "lms_user_id", "is_active", "is_staff", "confirmed_at")
    list_filter = ("is_active", "is_staff", "is_superuser", ("confirmed_at", admin.EmptyFieldListFilter))
    search_fields = ("username", "email_key", "name", "=lms_user_id")
    ordering = ("username",)
    form = PersonForm
    readonly_fields = (
        "lms_user_id",
        "confirmed_at",
        "joined_at",
        "last_login",
        "active_customer_uuid",
    )
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("lms_user_id", "username", "email", "is_confirmed", "name")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("History"), {"fields": ("confirmed_at", "joined_at", "last_login", "active_customer_uuid")}),
    )
    actions = ("confirm_addresses", "request_retirements")

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = NewUserForm
        elif _is_retiring(obj):
            kwargs["form"] = forms.ModelForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("username", "email", "name", "password", "is_staff")}),)
        fieldsets = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj) and not _is_retiring(obj):
            return fieldsets
        names = {"fields": ("lms_user_id", *_NAMES)}
        return ((None, names), *fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return () if _is_superuser(request) else ("is_staff",)
        fields = super().get_readonly_fields(request, obj)
        if _is_retiring(obj):
            return (*fields, *_NAMES, "is_active", *_PRIVILEGES)
        # Whoever may edit people may not make themselves more than they are.
        return (*fields, *(() if _is_superuser(request) else _PRIVILEGES))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            with transaction.atomic():
                obj.lms_user_id = Counter.take_lms_user_ids(1)[0]
                obj.email_key = emails.normalize(obj.email)
                obj.set_password(form.cleaned_data["password"])
                super().save_model(request, obj, form, change)
                api.request_confirmation(lms_user_id=obj.lms_user_id)
        elif isinstance(form, PersonForm):
            self._change_person(request, obj, form)

    def _change_person(self, request: HttpRequest, obj: User, form: PersonForm) -> None:
        old = api.find_people_by_lms_user_id([obj.lms_user_id])[obj.lms_user_id]
        new = api.change_person(
            lms_user_id=obj.lms_user_id,
            **form.wanted(),
            is_confirmed=form.cleaned_data.get("is_confirmed", False),
            by=_lms_user_id(request),
        )
        access = {"is_active", "is_staff", "is_superuser"}.intersection(form.changed_data)
        obj.save(update_fields=[*sorted(access), "modified_at"])
        if new.email != old.email and not new.is_confirmed and new.is_active:
            message = gettext("A mail with a link to confirm the address goes to %(email)s.")
            self.message_user(request, message % {"email": new.email}, messages.WARNING)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Beside an LMS people come with its tokens: an id given out here would be somebody else's there.
        return bool(settings.ISSUES_TOKENS) and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.action(description=_("Confirm the addresses of the selected people"), permissions=["change"])
    def confirm_addresses(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ids = list(queryset.values_list("lms_user_id", flat=True))
        count = api.confirm_addresses(lms_user_ids=ids, by=_lms_user_id(request))
        message = ngettext("%(count)d address confirmed.", "%(count)d addresses confirmed.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)

    @admin.action(
        description=_("Request retirement: close the selected accounts, to be retired for good later"),
        permissions=["change"],
    )
    def request_retirements(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ids = set(queryset.values_list("lms_user_id", flat=True))
        ids -= {_lms_user_id(request)}  # nobody locks themselves out
        count = api.request_retirements(lms_user_ids=ids, by=_lms_user_id(request))
        message = ngettext(
            "%(count)d account is closed and waits under Retirements.",
            "%(count)d accounts are closed and wait under Retirements.",
            count,
        )
        self.message_user(request, message % {"count": count}, messages.SUCCESS)


@admin.register(Retirement)
class RetirementAdmin(ReadOnlyAdmin):
    """Accounts on their way out: can be taken back while pending, and completed for good."""

    list_display = (
        "lms_user_id", "original_username", "original_email", "state", "requested_at", "requested_by",
        "completed_at",
    )  # fmt: skip
    list_filter = ("state",)
    search_fields = ("=lms_user_id", "=original_username", "=original_email", "=username")
    actions = ("begin", "cancel", "complete")

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are not edited here; that a person may change them means that they may decide."""
        user: Any = request.user
        allowed: bool = user.has_perm("identity.change_retirement")
        return allowed

    @admin.action(description=_("Begin: can no longer be cancelled"), permissions=["decide"])
    def begin(self, request: HttpRequest, queryset: QuerySet[Retirement]) -> None:
        count = api.begin_retirements(lms_user_ids=_ids(queryset))
        message = ngettext("%(count)d retirement is begun.", "%(count)d retirements are begun.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)

    @admin.action(description=_("Cancel: open the accounts again"), permissions=["decide"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Retirement]) -> None:
        count = api.cancel_retirements(lms_user_ids=_ids(queryset))
        message = ngettext(
            "%(count)d retirement is cancelled.", "%(count)d retirements are cancelled.", count
        )
        self.message_user(request, message % {"count": count}, messages.SUCCESS)

    @admin.action(description=_("Complete: remove names and addresses for good"), permissions=["decide"])
    def complete(self, request: HttpRequest, queryset: QuerySet[Retirement]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Remove these people's names and addresses?"),
                "retirements": queryset.exclude(state=RetirementState.COMPLETE),
                "opts": self.opts,
            }
            return TemplateResponse(request, "identity/admin/complete_retirements.html", context)
        count = api.complete_retirements(lms_user_ids=_ids(queryset), by=_lms_user_id(request))
        message = ngettext("%(count)d retirement is complete.", "%(count)d retirements are complete.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)
        return None


class RoleForm(RoleModelForm):
    """A role for a customer, or for every customer."""

    class Meta:
        model = RoleAssignment
        fields = ("lms_user_id", "role", "context")

    def clean_lms_user_id(self) -> int:
        lms_user_id = int(self.cleaned_data["lms_user_id"])
        if not User.objects.filter(lms_user_id=lms_user_id).exists():
            raise ValidationError(gettext("There is no person with this LMS user id."))
        return lms_user_id

    def clean_context(self) -> str:
        context = str(self.cleaned_data["context"]).strip()
        if context == ANY_CUSTOMER:
            return context
        try:
            return str(UUID(context))
        except ValueError as error:
            raise ValidationError(gettext("Enter a customer's uuid, or * for every customer.")) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_for_all = cleaned.get("role") in (OPERATOR, PROVISIONER)
        if is_for_all and cleaned.get("context", ANY_CUSTOMER) != ANY_CUSTOMER:
            raise ValidationError({"context": gettext("This role is for every customer: enter *.")})
        return cleaned


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(RoleModelAdmin):
    """Roles are given and taken away, never edited; the history keeps both."""

    form = RoleForm
    list_display = ("lms_user_id", "role", "context", "assigned_at")
    list_filter = ("role",)
    search_fields = ("=lms_user_id", "=context")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return _is_superuser(request)


@admin.register(ServiceAccount)
class ServiceAccountAdmin(ServiceAccountModelAdmin):
    """Programs that may call. Only their names: a secret cannot be shown again."""

    list_display = ("client_id", "user")
    fields = ("client_id", "user")
    readonly_fields = ("client_id", "user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ServiceAccount | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ServiceAccount | None = None) -> bool:
        return False


_NAMES = ("username", "email", "name")
_PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def _lms_user_id(request: HttpRequest) -> int | None:
    return request.user.lms_user_id if isinstance(request.user, User) else None


def _is_retiring(user: User | None) -> bool:
    return user is not None and Retirement.objects.filter(lms_user_id=user.lms_user_id).exists()


def _ids(retirements: QuerySet[Retirement]) -> list[int]:
    return list(retirements.values_list("lms_user_id", flat=True))
