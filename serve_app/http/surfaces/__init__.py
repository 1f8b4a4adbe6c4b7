"""The other paths of OpenAI's that a model answers, one module for each.

A parser checks what we rely on and makes a `Chat`: `request` is what routing reads, in
the words of a chat completion; `raw` is what the upstream gets.
"""
