"""Forms whose rows are saved by the service, which has rules that a form does not know."""

from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from bursar.licenses.data import FieldsRefused


class RuledForm(forms.ModelForm):  # type: ignore[type-arg]
    """Shows what the service refused, beside the fields that have to change."""

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
        except FieldsRefused as refusal:
            request.refused = dict(refusal.errors)  # type: ignore[attr-defined]
            return cast(HttpResponse, show(request, object_id, form_url, extra_context))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"refused": getattr(request, "refused", {})})

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the rules of today may not allow what was

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
