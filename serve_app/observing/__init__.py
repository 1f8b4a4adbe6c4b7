"""What the Gateway tells of each request: metrics, a log line, a trace."""
