"""Layer 0: the routing artifact, from records to decisions."""
