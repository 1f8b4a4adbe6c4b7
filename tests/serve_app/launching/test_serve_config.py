from pathlib import Path

import pytest

from artifacts.errors import BadInput
from serve_app.launching import serve_config


def test_an_address_given_here_stands_over_the_files_and_over_the_default() -> None:
    config = {"http_options": {"port": 9000, "keep_alive_timeout_s": 5}}

    merged = serve_config.with_address(config, port=9001)

    assert merged["http_options"] == {
        "host": "127.0.0.1",
        "port": 9001,
        "keep_alive_timeout_s": 5,
    }
    assert merged["proxy_location"] == "HeadOnly"


def test_the_files_own_address_stands_over_the_default() -> None:
    config = {"http_options": {"host": "0.0.0.0"}, "proxy_location": "EveryNode"}

    merged = serve_config.with_address(config)

    assert merged["http_options"] == {"host": "0.0.0.0", "port": 8000}
    assert merged["proxy_location"] == "EveryNode"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2", "serve.yaml:2: expected ',' or ']', but got ':'"),
        ("- 1", "serve.yaml:1: not a Serve config (a mapping was expected)"),
        ("a: 1\na: 2", "serve.yaml:2: a: said twice"),
        ("a: \x07", "serve.yaml:1: a character that YAML forbids"),
        (
            "a:\n  b: 2026-02-30",
            "serve.yaml:2: a.b: it must be a date or a time that exists",
        ),
        ("[" * 3000, "serve.yaml: nested too deeply"),
        ("a: caf\udce9", "serve.yaml: not UTF-8"),
        ("http_options: foo", "serve.yaml:1: http_options: a mapping was expected"),
        (
            "http_options:\n  host: 5",
            "serve.yaml:2: http_options.host: a text was expected",
        ),
        *(
            (
                f"http_options:\n  port: {port}",
                "serve.yaml:2: http_options.port: "
                "a whole number from 1 to 65535 was expected",
            )
            for port in ("99999", "abc", "0", "true", "~")
        ),
    ],
)
def test_a_file_that_is_no_config_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(text, errors="surrogateescape")

    with pytest.raises(BadInput) as refused:
        serve_config.read_serve_yaml(path)

    assert str(refused.value).endswith(message)
