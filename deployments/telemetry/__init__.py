"""What the deployments tell of themselves: metrics and traces."""
