"""The vectors of texts by sentence-transformers, in a process of its own.

    python -m tests.vllm.reference_vectors ARTIFACT TEXTS.json OUT.npz

`ours`: with our encoder. `theirs`: with sentence-transformers alone, which cuts long
texts in its own way.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from artifacts.encoder import load_encoder
from artifacts.store import ENCODER, load_manifest


def main(artifact: Path, texts: Path, out: Path) -> None:
    spec = load_manifest(artifact).encoder
    asked = json.loads(texts.read_text())
    ours = load_encoder(spec, artifact / ENCODER)
    lengths = [len(window) for window in ours.token_ids(asked)]
    library = SentenceTransformer(str(artifact / ENCODER), device="cpu")
    theirs = library.encode([spec.prompt + text for text in asked])
    np.savez(out, ours=ours.encode(asked), theirs=theirs, lengths=lengths)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
