"""Whose time a stack is."""

from scripts.overhead.layers import OTHER, layers

_LOOP = "thread (1): AsyncIO Thread: default;Thread.run (threading.py:982)"
_RAY = "Replica._wrap (ray/serve/_private/replica.py:10)"
_OURS = "Gateway.plan (serve_app/gateway.py:5)"


def test_a_look_up_counts_for_who_did_it():
    shares = layers(
        [
            f"{_LOOP};{_RAY};{_OURS};get (<frozen _collections_abc>:3) 3",
            f"{_LOOP};{_RAY};__exit__ (contextlib.py:144) 1",
        ]
    )

    assert shares == {"Gateway": 0.75, "Ray Serve": 0.25}


def test_the_loop_itself_is_a_layer():
    assert layers([f"{_LOOP} 2"]) == {OTHER: 1.0}


def test_a_line_number_may_be_missing():
    assert list(layers(["choose (artifacts/artifact.py) 1"])) == ["decision"]
