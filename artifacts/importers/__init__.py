"""Other people's evaluation results → our records files."""
