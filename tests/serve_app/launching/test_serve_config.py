from pathlib import Path

import pytest

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
    ],
)
def test_a_file_that_is_no_config_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(text)

    with pytest.raises(serve_config.ConfigError) as refused:
        serve_config.read_config(path)

    assert str(refused.value).endswith(message)
