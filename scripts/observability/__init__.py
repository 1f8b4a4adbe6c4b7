"""Whether what dashboards and alerts ask for is what a real run tells."""
