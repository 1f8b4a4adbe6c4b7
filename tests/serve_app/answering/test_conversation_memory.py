"""Which model a conversation is remembered with, and for how long."""

from serve_app.answering.config import ConversationConfig
from serve_app.answering.conversation_memory import ConversationMemory


def test_the_last_model_is_remembered_while_its_cache_lives():
    now = [0.0]
    memory = ConversationMemory(ConversationConfig(cache_s=300), lambda: now[0])
    memory.answered("a", "small")
    memory.answered("a", "large")

    now[0] = 300
    assert memory.model_of("a") == "large"
    now[0] = 301
    assert memory.model_of("a") is None
    assert memory.model_of("b") is None


def test_the_least_recent_conversation_is_forgotten_first():
    memory = ConversationMemory(ConversationConfig(max_conversations=2))
    for key in ("a", "b", "a", "c"):
        memory.answered(key, "small")

    assert [memory.model_of(key) for key in "abc"] == ["small", None, "small"]
