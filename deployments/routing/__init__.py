"""The decision path: texts to vectors, vectors to decisions."""
