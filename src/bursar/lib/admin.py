"""The Django admin of tables whose rows follow rules that a form cannot keep."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from bursar.lib.errors import DomainError


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Shows rows that nobody may add, change or delete by hand."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyHistoryAdmin(ReadOnlyAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    """The same, with the history of each row."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            self.opts.pk.to_python(unquote(object_id))
        except ValidationError as error:  # simple_history would ask the database for it
            raise Http404 from error
        response: HttpResponse = super().history_view(request, object_id, extra_context)
        return response


class RuledForm(forms.ModelForm):  # type: ignore[type-arg]
    """Shows what the service refused, beside the fields that have to change if it names some."""

    refused: dict[str, str] = {}  # each request has a class of its own

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, sentence in self.refused.items():
            self.add_error(name if name in self.fields else None, sentence)
        return cleaned


class RuledAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Saves by commands that open their own transactions. What they refuse, the form shows."""

    form = RuledForm

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Not the public one: it opens a transaction, within which no command may run.
        show = self._changeform_view
        try:
            return cast(HttpResponse, show(request, object_id, form_url, extra_context))
        except DomainError as refusal:
            errors = getattr(refusal, "errors", {NON_FIELD_ERRORS: refusal.message})
            request.refused = dict(errors)  # type: ignore[attr-defined]
            return cast(HttpResponse, show(request, object_id, form_url, extra_context))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"refused": getattr(request, "refused", {})})

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the rules of today may not allow what was

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
