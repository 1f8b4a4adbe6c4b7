"""Who asks what, and how many of them at a time."""

import random
from collections import Counter

import pytest

from scripts.loadtest.keys import Caller, KeyFileError, callers, one_of
from scripts.loadtest.profiles import Profile
from scripts.loadtest.questions import body, conversation, questions


def test_a_burst_triples_the_users_for_the_last_quarter_of_each_minute():
    profile = Profile("burst", 10, 300.0)

    assert [profile.users_at(at) for at in (40, 45, 59, 60, 105)] == [
        10,
        30,
        30,
        10,
        30,
    ]


def test_users_come_gradually_and_leave_at_the_end():
    profile = Profile("steady", 10, 100.0)

    assert [profile.users_at(at) for at in (0, 4, 9, 99, 100)] == [1, 5, 10, 10, None]


def test_a_rate_is_of_the_whole_seconds_in_which_all_users_were_there():
    profile = Profile("steady", 10, 100.0)  # comes for ten seconds, and two more

    assert profile.counted(1000.5, 2000.0) == range(1013, 1100)
    assert profile.counted(1000.5, 1050.9) == range(1013, 1050)  # ended early
    assert not profile.counted(1000.5, 1012.0)


def test_made_up_questions_have_a_long_tail():
    sizes = sorted(len(text.split()) for text in questions(None, seed=0))

    assert 35 < sizes[len(sizes) // 2] < 55
    assert sizes[-1] > 8 * sizes[len(sizes) // 2]
    assert questions(None, seed=0) == questions(None, seed=0)


def test_questions_are_those_of_a_file(tmp_path):
    path = tmp_path / "queries.txt"
    path.write_text("one?\ntwo?\n", encoding="utf-8")

    assert questions(path, seed=0) == ("one?", "two?")


def test_conversations_alternate_and_end_with_the_user():
    draw = random.Random(0)
    roles = [
        message["role"] for _ in range(50) for message in conversation(["q"], draw)
    ]

    assert roles[-1] == "user"
    assert roles.count("user") == roles.count("assistant") + 50


def test_most_requests_are_streams_that_want_their_usage():
    draw = random.Random(0)
    bodies = [body(["q"], ["auto"], 0.7, draw) for _ in range(1000)]
    streams = [asked for asked in bodies if asked.get("stream")]

    assert 650 < len(streams) < 750
    assert all(asked["stream_options"] == {"include_usage": True} for asked in streams)


def test_callers_are_drawn_by_weight():
    draw = random.Random(0)
    found = (Caller(tenant="a", env="A", weight=3), Caller(tenant="b", env="B"))
    count = Counter(one_of(found, draw).tenant for _ in range(1000))

    assert 700 < count["a"] < 800


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "no keys"),
        ("- {tenant: a}", "0.env: Field required"),
        ("- {tenant: a, env: A, key: sk}", "0.key: Extra inputs are not permitted"),
        ("{", "while parsing"),
    ],
)
def test_a_bad_file_of_keys_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "keys.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(KeyFileError, match=says) as caught:
        callers(path)
    assert "\n" not in str(caught.value)


def test_a_key_that_is_not_set_is_named_and_not_guessed(monkeypatch):
    monkeypatch.delenv("ACME_KEY", raising=False)

    with pytest.raises(KeyFileError, match="acme: ACME_KEY is not set"):
        _ = Caller(tenant="acme", env="ACME_KEY").key
