"""Memory that runs out ends `avengers` with one line, not with a traceback."""

import shutil
from pathlib import Path

import pytest

from artifacts.encoder_spec import SPEC_FILE, files_digest
from artifacts.onnx_encoder import MODEL_FILES, read_spec
from tests.artifacts.hand_made import bundled
from tests.serve_app.commands.test_commands import avengers, record


@pytest.fixture
def greedy(tmp_path: Path) -> Path:
    """An encoder that asks for more memory for a text than has addresses."""
    from onnx import TensorProto, helper, save

    numbers = TensorProto.INT64
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["input_ids"], ["shape"]),
            helper.make_node("Mul", ["shape", "times"], ["longer"]),
            helper.make_node("Concat", ["longer", "width"], ["whole"], axis=0),
            helper.make_node("ConstantOfShape", ["whole"], ["hidden"]),
        ],
        "greedy",
        [helper.make_tensor_value_info("input_ids", numbers, [1, "n"])],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, "m", 2])],
        [
            helper.make_tensor("times", numbers, [2], [1, 2**50]),
            helper.make_tensor("width", numbers, [1], [2]),
        ],
    )
    opset = helper.make_opsetid("", 17)
    directory = tmp_path / "greedy"
    directory.mkdir()
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    save(model, directory / "model.onnx")
    shutil.copy(bundled() / "encoder" / "tokenizer.json", directory)
    digest = files_digest(directory, MODEL_FILES)
    spec = read_spec(bundled() / "encoder").model_copy(
        update={"id": "greedy", "dimension": 2, "digest": digest}
    )
    (directory / SPEC_FILE).write_text(spec.model_dump_json())
    return directory


def test_a_fit_whose_encoder_has_no_memory_left(tmp_path: Path, greedy: Path) -> None:
    records, out = tmp_path / "r.jsonl", tmp_path / "a"
    records.write_text("\n".join(record(i) for i in range(40)))
    options = ("--clusters", 4, "--encoder", greedy)

    run = avengers("fit", records, "-o", out, *options)

    assert run.returncode == 1
    said = run.stderr.splitlines()[-1]  # before it, the runtime has logged its own
    assert said.startswith("avengers: out of memory: embedding 'What is 0 times 1?'")
    assert "Traceback" not in run.stderr
    assert not out.exists()
