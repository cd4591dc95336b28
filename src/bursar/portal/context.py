"""What every page knows."""

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


def accounts(request: HttpRequest) -> dict[str, str]:
    """Context processor: where people sign in and up, here or at the LMS, which leads back to this page.

    ``lms_url`` is empty when it is here.
    """
    if not settings.LMS_URL:
        return {"lms_url": "", "sign_in_url": reverse("sign-in"), "sign_up_url": reverse("sign-up")}
    back = urlencode({"next": f"{settings.PUBLIC_URL}{request.get_full_path()}"})
    return {
        "lms_url": settings.LMS_URL,
        "sign_in_url": f"{settings.LOGIN_URL}?{back}",
        "sign_up_url": f"{settings.LMS_URL}/register?{back}",
    }
