"""What is said of constants that were measured on a machine that others use, too."""

import pytest

from scripts.bench.constants import said_of
from scripts.bench.constants_encoder import embedding_line
from scripts.bench.constants_found import Found
from scripts.overhead.disturbance import Others
from scripts.scaling.capacity_tables import basis, constants_table
from scripts.scaling.constants import Constants
from scripts.scaling.plan import Workload
from tests.scripts.scaling.made import made_constants, made_workload

QUIET, LOUD = Others(foreign=0.04), Others(foreign=0.04, stolen=0.07)


def found_of(*beside, calibrations=(8.0,)):
    """Three rounds, in which a request costs 1, 9 and 2 ms."""
    found = Found(Others(foreign=0.2, stolen=0.01))
    for value, others in zip((1.0, 9.0, 2.0), beside, strict=True):
        found.add("Gateway.cpu_ms_plain", value, "ms", "CPU", [QUIET, others])
    for ms in calibrations:
        found.calibrated(ms)
    return found


def constants_of(found):
    made = made_constants()
    return made.model_copy(
        update={
            "constants": made.constants | found.constants(),
            "conditions": found.conditions(),
        }
    )


def test_one_disturbed_round_does_not_decide_and_is_marked():
    found = found_of(QUIET, LOUD, QUIET)

    constant = found.constants()["Gateway.cpu_ms_plain"]

    assert constant.value == 2.0
    assert constant.disturbed
    assert "`Gateway.cpu_ms_plain` | 2 ms~ |" in constants_table(constants_of(found))
    assert (found.conditions().disturbed, found.conditions().samples) == (1, 3)


def test_a_quiet_machine_marks_nothing():
    found = found_of(QUIET, QUIET, QUIET)

    assert not found.constants()["Gateway.cpu_ms_plain"].disturbed
    assert found.conditions().disturbed == 0


def test_conditions_come_back_from_the_file(tmp_path):
    constants = constants_of(found_of(QUIET, LOUD, QUIET))
    path = tmp_path / "constants.json"

    path.write_text(constants.written(), encoding="utf-8")

    assert Constants.read(path) == constants


def test_a_file_from_before_conditions_were_noted_is_read(tmp_path):
    path = tmp_path / "constants.json"
    path.write_text(made_constants().written(), encoding="utf-8")

    assert Constants.read(path).conditions is None
    assert "conditions" not in path.read_text(encoding="utf-8")
    assert "disturbed" not in path.read_text(encoding="utf-8")


def test_how_the_machine_was_is_told():
    constants = constants_of(found_of(QUIET, LOUD, QUIET, calibrations=(8.0, 8.5, 9.0)))

    assert list(said_of(constants, made_constants())) == [
        "before: load average 0, others used 20% of the machine, other machines 1%",
        "In 1 of 3 samples others used over 10% of the machine (~)",
        "a text of 60 tokens took 8.5 CPU-ms to embed (8–9)",
    ]


def test_cores_that_were_slower_for_a_while_are_told():
    constants = constants_of(found_of(QUIET, QUIET, QUIET, calibrations=(8.0, 16.0)))

    said = list(said_of(constants, made_constants()))

    assert said[-1] == "the cores were not equally fast all the time: measure again"


def test_cores_that_were_slower_than_at_another_run_are_told():
    found = found_of(QUIET, QUIET, QUIET)
    found.add("Embedder.cpu_ms_text", 1.0, "ms", "", [])
    found.add("Embedder.cpu_ms_token", 0.2, "ms", "", [])

    said = list(said_of(constants_of(found), made_constants()))

    assert said[-1].startswith("the same text took 2.00 times as long as in ")


def test_the_page_tells_on_what_its_tables_rest():
    load = made_workload()
    measured = Workload(
        constants_of(found_of(QUIET, LOUD, QUIET)), load.assumptions, load.demand
    )

    assert "In 1 of 3 samples others used over 10% of the machine" in basis(measured)
    assert "medians" not in basis(load)


def test_a_text_costs_a_fixed_part_and_one_for_each_token():
    assert embedding_line({20: 2.5, 100: 10.5}) == pytest.approx((0.5, 0.1))
