"""What staff do with a plan: each page has a form, shows with figures what would happen, and then does it.

What is done is what was shown: a form, a file or a plan that has changed since is shown again.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bursar.jobs import api as jobs
from bursar.lib.errors import InvalidInputError
from bursar.licenses import api, models
from bursar.licenses.admin.uploads import read_addresses, read_text
from bursar.licenses.data import WORDING_MAX_LENGTH, Notice, Status
from bursar.licenses.service import provisioning, seats
from bursar.licenses.service.transfers import as_result, read_names

_LISTED = 100
"""Lines that a rehearsal shows; the figures are of all."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen. ``problem``: why it cannot be done; ``table``: its first row has the headers."""

    counts: Sequence[tuple[object, int]]
    problem: str = ""
    table: Sequence[Sequence[object]] = ()

    @property
    def figures(self) -> list[tuple[object, str]]:
        """The counts as people read them: 400,000."""
        return [(label, number_format(count, force_grouping=True)) for label, count in self.counts]


class PlanForm(forms.Form):
    """A form of a plan's page."""

    def __init__(self, *args: Any, plan: models.Plan, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plan = plan

    def fingerprint(self) -> str:
        """Tells whether two forms ask for the same, of a plan that has not changed."""
        digest = hashlib.sha256(f"{self.plan.pk} {self.plan.modified_at} {_counts(self.plan)}".encode())
        for name, field in self.fields.items():
            value = self.cleaned_data.get(name)
            if isinstance(field, forms.FileField):
                for chunk in value.chunks() if isinstance(value, UploadedFile) else ():
                    digest.update(chunk)
            digest.update(f"\0{name}={'' if isinstance(field, forms.FileField) else value!r}".encode())
        return digest.hexdigest()


class PlanPage:
    """One of the pages. ``button`` leads there, ``do`` is what its last button says."""

    slug: ClassVar[str]
    title: ClassVar[Any]
    intro: ClassVar[Any]
    do: ClassVar[Any]
    form: ClassVar[type[PlanForm]] = PlanForm

    def rehearse(self, plan: models.Plan, values: dict[str, Any]) -> Rehearsal:
        """What would happen; reads only. Errors: any DomainError, which the page shows."""
        raise NotImplementedError

    def carry_out(self, plan: models.Plan, values: dict[str, Any], *, by: int | None) -> SafeString:
        """Does it, and says what was done. Errors: any DomainError."""
        raise NotImplementedError


class AddForm(PlanForm):
    """How many, and why."""

    count = forms.IntegerField(label=gettext_lazy("Licenses to add"), min_value=1, max_value=500_000)
    reason = forms.CharField(label=gettext_lazy("Reason, for the history"), max_length=100, required=False)


class AddLicenses(PlanPage):
    """More licenses for a plan."""

    slug = "add-licenses"
    title = gettext_lazy("Add licenses")
    intro = gettext_lazy("The plan gets more free licenses. None are ever taken away here.")
    do = gettext_lazy("Add them")
    form = AddForm

    def rehearse(self, plan: models.Plan, values: dict[str, Any]) -> Rehearsal:
        size = provisioning.count_licenses(plan)
        problem = _("The unused licenses of this plan were frozen: it gets no more. Make another plan.")
        return Rehearsal(
            [
                (_("Licenses now"), size),
                (_("To be added"), values["count"]),
                (_("Licenses then"), _wanted(plan) + values["count"]),
            ],
            problem=problem if plan.frozen_at else "",
        )

    def carry_out(self, plan: models.Plan, values: dict[str, Any], *, by: int | None) -> SafeString:
        wanted = {"desired_license_count": _wanted(plan) + values["count"]}
        provisioning.change_plan(plan_uuid=plan.pk, changes=wanted, by=by, reason=values["reason"] or None)
        if values["count"] > provisioning.AT_ONCE:
            (job,) = jobs.list_jobs_with(
                customer_uuid=plan.customer_uuid, parameters={"plan_uuid": str(plan.pk)}, limit=1
            )
            return _begun(job.uuid)
        said = ngettext("%(count)d license was added.", "%(count)d licenses were added.", values["count"])
        return format_html("{}", said % {"count": values["count"]})


class AssignForm(PlanForm):
    """A file, and the mail that goes with it."""

    file = forms.FileField(
        label=gettext_lazy("CSV file of e-mail addresses"),
        help_text=gettext_lazy(
            "UTF-8, one address a line, up to 500,000 lines; with a header, the column “email”."
        ),
    )
    notify = forms.BooleanField(
        label=gettext_lazy("Mail the new holders"), required=False, initial=True,
        help_text=gettext_lazy("The mail has the link with which a license is activated."),
    )  # fmt: skip
    greeting = forms.CharField(
        label=gettext_lazy("How the mail begins"), required=False, max_length=WORDING_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Empty: in the customer's own words."),
    )  # fmt: skip
    closing = forms.CharField(
        label=gettext_lazy("How it ends"), required=False, max_length=WORDING_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip


class AssignFile(PlanPage):
    """Licenses for the addresses of a file."""

    slug = "assign"
    title = gettext_lazy("Assign from a file")
    intro = gettext_lazy("Everybody in the file gets a license of this plan; who has one keeps it.")
    do = gettext_lazy("Assign them")
    form = AssignForm

    def rehearse(self, plan: models.Plan, values: dict[str, Any]) -> Rehearsal:
        told = api.rehearse_assigning(plan_uuid=plan.pk, lines=read_addresses(values["file"]))
        figures = [
            (_("New people, who get a license"), told.new_count),
            (_("Have one already, and keep it"), told.kept_count),
            (_("Lines that repeat an address"), told.repeated_count),
            (_("Lines that are no e-mail address, and are passed over"), told.bad_count),
            (_("Free licenses that are needed"), told.needed_count),
            (_("Free licenses that the plan has"), told.free_count),
        ]
        problem = ""
        if told.unavailable_reason:
            problem = seats.unavailable_message(told.unavailable_reason, plan.title)
        elif told.needed_count > told.free_count:
            problem = _("The plan has too few free licenses. Add some, or shorten the file.")
        elif not told.is_possible:
            problem = _("No line of the file begins with an e-mail address.")
        headers = (_("Line"), _("What is no e-mail address"))
        return Rehearsal(figures, problem, (headers, *told.bad_lines) if told.bad_lines else ())

    def carry_out(self, plan: models.Plan, values: dict[str, Any], *, by: int | None) -> SafeString:
        lines = read_addresses(values["file"])
        notice = Notice(values["greeting"], values["closing"]) if values["notify"] else None
        return _begun(api.start_assigning(plan_uuid=plan.pk, lines=lines, notice=notice, by=by))


class TransferForm(PlanForm):
    """Where to, and which."""

    to_plan = forms.ModelChoiceField(label=gettext_lazy("To the plan"), queryset=models.Plan.objects.none())
    moves_all = forms.BooleanField(
        label=gettext_lazy("All licenses of this plan"), required=False,
        help_text=gettext_lazy("Free and revoked ones as well, but no seat that is kept for a request."),
    )  # fmt: skip
    names = forms.CharField(
        label=gettext_lazy("Or these licenses, by uuid"), required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy(
            "Apart by new lines, commas, semicolons or pipes; assigned and activated only."
        ),
    )  # fmt: skip
    file = forms.FileField(label=gettext_lazy("Or a file of uuids"), required=False)

    def __init__(self, *args: Any, plan: models.Plan, **kwargs: Any) -> None:
        super().__init__(*args, plan=plan, **kwargs)
        others = models.Plan.objects.filter(agreement=plan.agreement_id).exclude(pk=plan.pk)
        self.fields["to_plan"].queryset = others  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        names = values.get("names") or ""
        if values.get("file"):
            try:
                names = f"{names}\n{read_text(values['file'])}"
            except InvalidInputError as error:
                raise forms.ValidationError(error.message) from error
        listed = None if values.get("moves_all") else read_names(names)
        if listed is None and names.strip():
            raise forms.ValidationError(_("Name licenses, or choose all of them; not both."))
        if listed == []:
            raise forms.ValidationError(_("Name the licenses, or choose all of them."))
        return {**values, "listed": listed}


class Transfer(PlanPage):
    """Licenses for another plan of the agreement."""

    slug = "transfer"
    title = gettext_lazy("Transfer to another plan")
    intro = gettext_lazy(
        "Licenses go to another plan of the same agreement, with their holders and activation keys. Each "
        "takes its seat along: this plan shrinks, the other grows."
    )
    do = gettext_lazy("Transfer them")
    form = TransferForm

    def rehearse(self, plan: models.Plan, values: dict[str, Any]) -> Rehearsal:
        counts: Counter[str] = Counter()
        listed: list[tuple[object, ...]] = []
        others: list[tuple[object, ...]] = []
        outcomes = api.rehearse_transfer(
            plan_uuid=plan.pk, to_plan_uuid=values["to_plan"].pk, names=values["listed"]
        )
        for each in outcomes:
            result = as_result(each)
            counts[result["outcome"]] += 1
            shown = listed if each.refusal else others
            if len(shown) < _LISTED:
                message = result.get("message") or _OUTCOMES[result["outcome"]]
                shown.append((each.named, each.email or "", message))
        figures = [(_OUTCOMES.get(outcome, outcome), count) for outcome, count in sorted(counts.items())]
        table = [(_("License"), _("Holder"), _("What would become of it")), *(listed + others)[:_LISTED]]
        problem = "" if counts["transferred"] else _("None of these licenses can be moved.")
        return Rehearsal(figures, problem, table)

    def carry_out(self, plan: models.Plan, values: dict[str, Any], *, by: int | None) -> SafeString:
        to_plan_uuid, names = values["to_plan"].pk, values["listed"]
        return _begun(
            api.start_transferring(plan_uuid=plan.pk, to_plan_uuid=to_plan_uuid, names=names, by=by)
        )


class Freeze(PlanPage):
    """An end to the licenses that nobody uses."""

    slug = "freeze"
    title = gettext_lazy("Freeze unused")
    intro = gettext_lazy(
        "The free licenses of the plan are deleted, and it gets no more. This cannot be undone."
    )
    do = gettext_lazy("Delete the free licenses")

    def rehearse(self, plan: models.Plan, values: dict[str, Any]) -> Rehearsal:
        free = max(seats.free_count(plan), 0)
        figures = [
            (_("Free licenses, to be deleted"), free),
            (_("Seats that are kept for requests, and stay"), plan.unassigned_count - free),
            (_("Assigned and activated licenses, which stay"), plan.assigned_count + plan.activated_count),
        ]
        return Rehearsal(figures, "" if plan.can_freeze_unused_licenses else _not_allowed())

    def carry_out(self, plan: models.Plan, values: dict[str, Any], *, by: int | None) -> SafeString:
        if not plan.can_freeze_unused_licenses:
            raise InvalidInputError(_not_allowed())
        count = api.freeze_unused(plan_uuid=plan.pk, by=by)
        said = ngettext("%(count)d license was deleted.", "%(count)d licenses were deleted.", count)
        return format_html("{}", said % {"count": count})


PLAN_PAGES: tuple[PlanPage, ...] = (AddLicenses(), AssignFile(), Transfer(), Freeze())

_OUTCOMES = {
    "transferred": gettext_lazy("Moves"),
    "already_there": gettext_lazy("Is there already"),
    "license_not_found": gettext_lazy("Unknown, or of another plan"),
    "holds_one_there": gettext_lazy("Stays: its holder has one there"),
    "not_live": gettext_lazy("Stays: free or revoked"),
    "held": gettext_lazy("Stays: a seat that is kept for a request"),
}


def _not_allowed() -> str:
    return _("First allow it on the plan's page: “Can freeze unused licenses”.")


def _wanted(plan: models.Plan) -> int:
    """How many licenses the plan is to have, those included that a job is still adding."""
    return max(plan.desired_license_count or 0, provisioning.count_licenses(plan))


def _counts(plan: models.Plan) -> list[int | None]:
    return [plan.desired_license_count, *(getattr(plan, f"{status}_count") for status in Status)]


def _begun(job_uuid: UUID) -> SafeString:
    return format_html(
        '{} <a href="{}">{}</a>',
        _("It is done in the background."),
        reverse("admin:jobs_job_change", args=[job_uuid]),
        _("See how far it is"),
    )
