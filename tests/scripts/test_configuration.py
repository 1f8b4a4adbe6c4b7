import re

from scripts.configuration import PAGE, page_part

ROW = re.compile(r"^\| `(\S+)` \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
ROWS = {row[0]: row[1:] for row in ROW.findall(page_part())}


def test_the_page_is_what_the_command_writes():
    assert page_part() in PAGE.read_text(encoding="utf-8")


def test_every_setting_says_what_it_does():
    assert [key for key, row in ROWS.items() if not row[2]] == []


def test_a_setting_has_its_type_its_bounds_and_its_default():
    assert ROWS["tenants[].id"][:2] == ("text", "required")
    assert ROWS["cost_tiers.NAME.alpha"][:2] == ("number ≥ 0, ≤ 1", "required")
    assert ROWS["limits.route_timeout_s"][:2] == ("number > 0", "`1.0`")
    assert ROWS["catalog.models[].vllm.engine"][:2] == ("mapping", "–")
    assert ROWS["backends.openrouter.headers"][1] == '`{"x-title": "avengers-serve"}`'
    assert ROWS["usage.when_full"][:2] == ('`"refuse"`, `"answer"`', '`"refuse"`')
