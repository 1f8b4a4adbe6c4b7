"""Real Inspect logs, made by Inspect with its own mock model.

`python -m tests.inspect_runs FOLDER NAME...` makes the named sets of logs, each in a
folder of its name. In a process of its own: pytest turns warnings into errors, and
Inspect's are not ours.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ARC = ROOT / "scripts/inspect/arc_agi.py"


def make_logs(folder: Path, *names: str) -> Path:
    """The folder, with the named sets in it."""
    subprocess.run(
        [sys.executable, "-m", "tests.inspect_runs", str(folder), *names],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "INSPECT_LOG_LEVEL": "error"},
        check=True,
        timeout=300,
    )
    return folder


def mock(name: str, answer: Callable[[str], str], **usage: int) -> Any:
    """A model whose answer depends on the last message: 100 tokens in, 10 or 30 out."""
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    def respond(messages: Any, tools: Any, choice: Any, config: Any) -> Any:
        text = answer(messages[-1].text)
        output = ModelOutput.from_content(name, text)
        counts = {"input_tokens": 100, "output_tokens": 30 if text == "wrong" else 10}
        output.usage = ModelUsage(**counts, **usage)
        return output

    return get_model(f"mockllm/{name}", custom_outputs=respond)


def sums(scorer: Any = None) -> Any:
    """Three samples: a text, a conversation, and one that `broken` cannot answer."""
    from inspect_ai import Task, task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    conversation = [ChatMessageSystem(content="Sum."), ChatMessageUser(content="2+2?")]

    @task
    def sums() -> Task:
        return Task(
            dataset=[
                Sample(id=1, input="1+1?", target="2"),
                Sample(id="talk", input=conversation, target="4"),
                Sample(id=10, input="3+3? " + "Think. " * 500, target="6"),
            ],
            solver=generate(),
            scorer=scorer or match(),
        )

    return sums()


def right(text: str) -> str:
    return {"1+1?": "2", "2+2?": "4"}.get(text, "6")


def broken(text: str) -> str:
    if text.startswith("3+3?"):
        raise RuntimeError("no answer today")
    return "2"


def run(folder: Path, task: Any, models: Any, **options: Any) -> Any:
    """One log for each model."""
    from inspect_ai import eval as evaluate

    given = {"log_dir": str(folder), "display": "none", "fail_on_error": False}
    return evaluate(task, model=models, **given | options)


def pair(folder: Path, **options: Any) -> None:
    """`strong` is right on all, `cheap` on the first, and fails on the last."""
    strong = mock("strong", right, input_tokens_cache_read=40, reasoning_tokens=8)
    run(folder, sums(), [strong, mock("cheap", broken)], **options)


def epochs(folder: Path) -> None:
    """Right the first time with 10 tokens, wrong the second time with 30."""
    asked = set()

    def answer(text: str) -> str:
        again = text in asked
        asked.add(text)
        return "wrong" if again else right(text)

    run(folder, sums(), mock("wavering", answer), epochs=2)


def graded(folder: Path) -> None:
    """Scored twice, once by a grader that is the model itself; one score has keys."""
    from inspect_ai.model import get_model
    from inspect_ai.scorer import Score, mean, scorer

    @scorer(metrics={"*": [mean()]})
    def judged() -> Any:
        async def score(state: Any, target: Any) -> Any:
            await get_model(role="grader").generate("Is this right?")
            value = {"correct": 0.5, "confidence": 70, "unscored": float("nan")}
            return Score(value=value)

        return score

    @scorer(metrics=[mean()])
    def percent() -> Any:
        async def score(state: Any, target: Any) -> Any:
            return Score(value=70)

        return score

    roles = {"grader": mock("strong", right)}
    task = sums([judged(), percent()])
    run(folder, task, mock("strong", right), model_roles=roles)


def priced(folder: Path) -> None:
    """The log itself holds the costs: 1 USD per million in, 2 out."""
    from inspect_ai.model import ModelCost, ModelInfo, set_model_info

    cost = ModelCost(input=1, output=2, input_cache_write=1, input_cache_read=1)
    set_model_info("mockllm/strong", ModelInfo(cost=cost))
    run(folder, sums(), mock("strong", right))


def retried(folder: Path) -> None:
    """A run that failed, and its retry, which did not."""
    from inspect_ai import eval_retry
    from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi

    moods = iter([broken, right])
    mood = next(moods)

    class Moody(ModelAPI):
        async def generate(self, input: Any, **options: Any) -> Any:
            output = ModelOutput.from_content("moody", mood(input[-1].text))
            output.usage = ModelUsage(input_tokens=100, output_tokens=10)
            return output

    modelapi(name="moody")(Moody)
    failed = run(folder, sums(), "moody/strong", fail_on_error=True)
    mood = next(moods)
    eval_retry(failed, log_dir=str(folder), display="none")


def failed(folder: Path) -> None:
    """A run that failed at its last sample."""
    run(folder, sums(), mock("strong", broken), fail_on_error=True, max_samples=1)


def arc(folder: Path) -> None:
    """Two puzzles: `two` is solved, `three` is not."""
    import json

    puzzles = folder / "puzzles"
    puzzles.mkdir(parents=True)
    for name, colour in (("two", 2), ("three", 3)):
        train = [{"input": [[1, 0]], "output": [[0, 1]]}]
        test = [{"input": [[colour, 0]], "output": [[0, colour]]}]
        text = json.dumps({"train": train, "test": test})
        (puzzles / f"{name}.json").write_text(text, encoding="utf-8")
    model = mock("strong", lambda text: "The rows are turned round.\n\n0 2")
    arguments = {"folder": str(puzzles)}
    run(folder, str(ARC.relative_to(ROOT)), model, task_args=arguments)


SETS: dict[str, Callable[[Path], None]] = {
    "pair": pair,
    "json": partial(pair, log_format="json"),
    "epochs": epochs,
    "graded": graded,
    "priced": priced,
    "retried": retried,
    "failed": failed,
    "arc": arc,
}

if __name__ == "__main__":
    for name in sys.argv[2:]:
        SETS[name](Path(sys.argv[1]) / name)
