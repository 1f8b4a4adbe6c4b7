"""The commands of `avengers`, and what they read and print."""
