"""A Serve application on a Ray cluster of this machine."""
