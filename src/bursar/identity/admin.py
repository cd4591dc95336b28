"""People, their roles and programs in the Django admin."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from bursar.identity import api
from bursar.identity.data import ANY_CUSTOMER, OPERATOR
from bursar.identity.models import Counter, RoleAssignment, ServiceAccount, User
from bursar.lib import emails

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


@admin.register(User)
class UserAdmin(UserModelAdmin):
    """Usernames and addresses stay as they are: other contexts know people by them."""

    list_display = ("username", "email", "name", "lms_user_id", "is_active", "is_staff", "confirmed_at")
    list_filter = ("is_active", "is_staff", "is_superuser", ("confirmed_at", admin.EmptyFieldListFilter))
    search_fields = ("username", "email_key", "name", "=lms_user_id")
    ordering = ("username",)
    readonly_fields = (
        "lms_user_id",
        "username",
        "email",
        "confirmed_at",
        "joined_at",
        "last_login",
        "active_customer_uuid",
    )
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("lms_user_id", "username", "email", "name")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("History"), {"fields": ("confirmed_at", "joined_at", "last_login", "active_customer_uuid")}),
    )
    actions = ("confirm_addresses",)

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("username", "email", "name", "password", "is_staff")}),)
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return () if _is_superuser(request) else ("is_staff",)
        fields = super().get_readonly_fields(request, obj)
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
            return
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.action(description=_("Confirm the addresses of the selected people"), permissions=["change"])
    def confirm_addresses(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ids = list(queryset.values_list("lms_user_id", flat=True))
        count = api.confirm_addresses(lms_user_ids=ids, by=_lms_user_id(request))
        message = ngettext("%(count)d address confirmed.", "%(count)d addresses confirmed.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)


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
        if cleaned.get("role") == OPERATOR and cleaned.get("context", ANY_CUSTOMER) != ANY_CUSTOMER:
            raise ValidationError({"context": gettext("An operator works for every customer: enter *.")})
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


_PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def _lms_user_id(request: HttpRequest) -> int | None:
    return request.user.lms_user_id if isinstance(request.user, User) else None
