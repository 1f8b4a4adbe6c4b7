"""Who asks, and what is reserved for him."""
