"""Pages as license-manager gives them. Contract: subsidies A.1."""

from typing import Any, ClassVar

from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response

from bursar.lib.rest import PageNumbers


class PlainPages(PageNumberPagination):
    """``count``, ``next``, ``previous``, ``results``: always a hundred."""

    page_size: ClassVar[int] = 100  # type: ignore[misc]


class LicensePages(PlainPages):
    """The same with ``num_pages``, and as many as the caller likes, up to 500."""

    page_size_query_param = "page_size"
    max_page_size = 500

    def get_paginated_response(self, data: Any) -> Response:
        if self.page is None:
            raise TypeError("paginate_queryset comes first")
        return Response(
            {
                "count": self.page.paginator.count,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "num_pages": self.page.paginator.num_pages,
                "results": data,
            }
        )


class LearnerLicensePages(PageNumbers):
    """Pages of a learner's licenses, with the agreement beside them."""

    max_page_size = 100
