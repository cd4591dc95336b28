import pytest

from bursar.catalog import api


@pytest.mark.parametrize("key", ["MITx+6.00.1x", "IBM+DS0101EN", "Ünï+Kurs", "a+b"])
def test_course_keys(key):
    assert api.is_course_key(key)


@pytest.mark.parametrize(
    "key",
    ["", "MITx", "+", "MITx+", "MITx+a+b", "MITx a+b", "course-v1:MITx+a+b", "MITx+a\n", "O+" + "x" * 255],
)
def test_no_course_keys(key):
    assert not api.is_course_key(key)


@pytest.mark.parametrize("key", ["course-v1:MITx+6.00.1x+2T2026", "MITx/15.071x/1T2014"])
def test_run_keys(key):
    assert api.is_run_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "nonsense",
        "MITx+6.00.1x",
        "course-v1:MITx+6.00.1x",
        "course-v1:MITx+6.00.1x+2T2026\n",
        " course-v1:MITx+6.00.1x+2T2026",
        "course-v1:MITx+6.00.1x+2T2026+branch@draft",
        "course-v1:MITx+6.00.1x+" + "x" * 255,
        "library-v1:MITx+library",
        "block-v1:MITx+6.00.1x+2T2026+type@video+block@x",
    ],
)
def test_no_run_keys(key):
    assert not api.is_run_key(key)
