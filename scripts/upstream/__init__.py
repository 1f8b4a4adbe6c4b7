"""A server that speaks OpenRouter's dialect and fails as it is told to."""
