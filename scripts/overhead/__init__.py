"""What a gateway costs, measured beside others: upstream, load, targets, figures."""
