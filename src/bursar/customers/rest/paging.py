"""Pages as edx-enterprise gives them."""

from typing import Any

from rest_framework.response import Response

from bursar.customers.wire_profiles import FEATURES
from bursar.lib.rest import PageNumbers


class PagesWithFeatures(PageNumbers):
    """Pages with ``enterprise_features`` beside them."""

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        response.data["enterprise_features"] = FEATURES
        return response
