"""Layer 1: plain classes that become Ray deployments, and what crosses between them."""
