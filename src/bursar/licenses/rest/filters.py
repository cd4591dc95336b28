"""Which licenses a list is asked for. Contract: subsidies A.5."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from bursar.lib.rest import parse_flag
from bursar.licenses import wire
from bursar.licenses.data import LIVE, Status
from bursar.licenses.service.reads import WantedLicenses

FILTER_PARAMETERS = [
    OpenApiParameter("status", str, description="Only these, separated by commas."),
    OpenApiParameter("search", str, description="Part of an address; case does not matter."),
    OpenApiParameter("ignore_null_emails", bool, description="Leaves out those whose address was purged."),
    OpenApiParameter("active_only", bool, description="Only assigned and activated ones."),
]
ORDERING_PARAMETER = OpenApiParameter(
    "ordering",
    str,
    description=f"{', '.join(wire.ORDERINGS)}: one or several with commas, with - in front for descending.",
)


def read_wanted(request: Request) -> WantedLicenses:
    """The filters and the order of the query. An unknown status matches nothing, an unknown order is none."""
    params = request.query_params
    statuses = set(Status)
    named = {each.strip() for each in params.get("status", "").split(",")} - {""}
    if named:
        statuses &= {status for status in Status if status.value in named}
    if parse_flag(request, "active_only", default=False):
        statuses &= set(LIVE)
    return WantedLicenses(
        statuses=frozenset(statuses),
        search=params.get("search", "").strip().lower(),
        ignore_null_emails=parse_flag(request, "ignore_null_emails", default=False),
        ordering=_read_ordering(params.get("ordering", "")),
    )


def _read_ordering(text: str) -> tuple[str, ...]:
    terms = [term.strip() for term in text.split(",")]
    return tuple(
        ("-" if term.startswith("-") else "") + wire.ORDERINGS[term.removeprefix("-")]
        for term in terms
        if term.removeprefix("-") in wire.ORDERINGS
    )
