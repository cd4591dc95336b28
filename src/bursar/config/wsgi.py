"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from bursar.config.requests import measure_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bursar.config.settings")

application = measure_bodies(get_wsgi_application())
