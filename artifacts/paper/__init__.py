"""What the paper published: figures to draw beside ours, never data to learn from."""
