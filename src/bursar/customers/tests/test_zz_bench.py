import time, uuid, cProfile, pstats, os
import pytest
from django.db import connection
from bursar.customers import api
from bursar.customers.data import BulkPair
from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from tests.cast import *


@pytest.mark.django_db(transaction=True)
def test_bench(cast):
    runs = [f"course-v1:B+C{i}+1" for i in range(10)]
    catalog.save_courses(
        [
            CourseToSave(
                f"B+C{i}",
                "C",
                runs=(RunToSave(runs[i], modes=(ModeToSave("audit"), ModeToSave("verified"))),),
            )
            for i in range(10)
        ]
    )
    emails = [f"b{i}@acme.test" for i in range(1000)]
    identity.save_people([PersonToSave(e, e.split("@")[0]) for e in emails])
    lic = {e: str(uuid.uuid4()) for e in emails}
    pairs = [BulkPair(r, e, license_uuid=lic[e]) for r in runs for e in emails]
    for label in ("first", "again", "again2"):
        t = time.perf_counter()
        c = time.process_time()
        if os.environ.get("PROF"):
            p = cProfile.Profile()
            p.enable()
        api.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=10, notify=False)
        if os.environ.get("PROF"):
            p.disable()
            pstats.Stats(p).sort_stats("tottime").print_stats(22)
        print(label, "wall %.3f cpu %.3f" % (time.perf_counter() - t, time.process_time() - c))
