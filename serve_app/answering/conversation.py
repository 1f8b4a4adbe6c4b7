"""What of a conversation is embedded, and which requests are of the same one."""

import hashlib

from serve_app.answering.chat import ChatRequest, Message

# Of a text that is embedded; far over any encoder's window, far under a body's limit.
MAX_CHARACTERS = 2**18
# A shorter last message ("and why?") says too little alone: earlier ones come with it.
_SHORT = 80
_CONTEXT_CHARACTERS = 600


def routing_text(messages: list[Message]) -> str:
    """What is embedded: the text of the last user message.

    If that is short, the ends of the user messages before it go in front, the nearest
    last, until there are 600 characters. If no user message holds text, the last
    message that does; "" if none does. Of a very long text head and tail are kept: a
    question often stands at the end.
    """
    of_users = user_texts(messages)
    if not of_users:
        others = [text for message in messages if (text := text_of(message))]
        return _head_and_tail(others[-1]) if others else ""
    text = of_users.pop()
    if len(text) >= _SHORT:
        return _head_and_tail(text)
    while of_users and len(text) < _CONTEXT_CHARACTERS:
        text = f"{of_users.pop()[len(text) - _CONTEXT_CHARACTERS :]}\n{text}"
    return text


def first_text(request: ChatRequest) -> str | None:
    """What was embedded when the conversation began; None if that cannot be told."""
    texts = user_texts(request.messages)
    spoken = any(message.role == "assistant" for message in request.messages)
    return _head_and_tail(texts[0]) if texts and spoken else None


def user_texts(messages: list[Message]) -> list[str]:
    """The user messages that hold text, in order."""
    texts = (text_of(message) for message in messages if message.role == "user")
    return [text for text in texts if text]


def text_of(message: Message) -> str:
    """The text of one message, without images and other payloads."""
    if isinstance(message.content, str):
        return message.content.strip()
    parts = message.content or []
    texts = [part.get("text") for part in parts if part.get("type") in _TEXT_PARTS]
    return "\n".join(text for text in texts if isinstance(text, str)).strip()


# Of chat completions and of responses. No set: a client's `type` may be anything, and
# not all of it can be hashed.
_TEXT_PARTS = ("text", "input_text", "output_text")


def conversation_key(tenant_id: str, request: ChatRequest) -> str | None:
    """Equal for the requests of one conversation; None for one that has none yet.

    `routing.session_id` if the client states it; else, once an assistant has spoken, a
    digest of what stays the same: the system prompt and the first user message.
    """
    known = request.routing.session_id is not None
    if not known and all(message.role != "assistant" for message in request.messages):
        return None
    return beginning(tenant_id, request)


def beginning(tenant_id: str, request: ChatRequest) -> str:
    """The same for all requests of a conversation, its first one among them.

    `routing.session_id`, else what each request of it begins with. Not the field
    `user`: a client that sends the same one always would be one single conversation.
    """
    if request.routing.session_id is not None:
        parts = ["session", request.routing.session_id]
    else:
        system = [
            text_of(message)
            for message in request.messages
            if message.role in {"system", "developer"}
        ]
        parts = ["messages", *system[:1], *user_texts(request.messages)[:1]]
    digest = hashlib.blake2b(digest_size=16)
    for part in (tenant_id, *parts):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _head_and_tail(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"
