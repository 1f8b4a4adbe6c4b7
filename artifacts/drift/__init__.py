"""Whether traffic is still what an artifact was fitted for. Knows no usage records."""
