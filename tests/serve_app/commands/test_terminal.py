"""Tables: what a reader needs is all there, wherever they are printed."""

import pytest

from serve_app.commands.terminal import print_table, shown_figure

HEAD = ("day", "model", "USD unknown of", "USD")
ROWS = [
    ("2026-05-01", "llama-3.1-405b-instruct", "1", "0.250000"),
    ("2026-05-02", "llama-3.1-70b-instruct", "12,345", "1,234.500000"),
]


def test_a_pipe_gets_each_row_in_one_line(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    models = ["a-model-with-a-long-name" * 8, "another"]

    print_table("usage", ("day", "model"), [("2026-05-01", name) for name in models])

    lines = capsys.readouterr().out.splitlines()
    for name in models:
        assert [line for line in lines if name in line and "2026-05-01" in line]


@pytest.mark.parametrize("columns", [40, 60])
def test_on_a_narrow_terminal_texts_go_on_and_figures_are_whole(
    monkeypatch, capsys, columns
):
    monkeypatch.setenv("COLUMNS", str(columns))

    print_table("usage", HEAD, ROWS)

    said = capsys.readouterr().out
    assert "…" not in said
    for figure in ("2026-05-01", "12,345", "0.250000", "1,234.500000"):
        assert figure in said
    rows = [line.split("│") for line in said.splitlines() if line.startswith("│")]
    models = "".join(row[2].strip() for row in rows)
    assert models == "llama-3.1-405b-instruct" + "llama-3.1-70b-instruct"


def test_a_model_s_name_is_no_markup(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")

    print_table("[bold]Models", ("model",), [("qwen3[bf16]",), ("odd[/think]",)])

    said = capsys.readouterr().out
    assert all(name in said for name in ("[bold]Models", "qwen3[bf16]", "odd[/think]"))


@pytest.mark.parametrize(
    ("name", "mean", "sd", "shown"),
    [
        ("max_accuracy", 0.8611, None, "86.1 %"),
        ("cost_to_match_best", 1.0, 0.025, "100.0 ± 2.5 %"),
        ("aiq_log", 63.891, 0.8, "63.9 ± 0.8"),
        ("cost_for_90", None, None, "–"),
    ],
)
def test_a_metric_is_written_alike_wherever_it_stands(name, mean, sd, shown):
    assert shown_figure(name, mean, sd) == shown
