"""Taking events: each has its effect once, in the version that the service knows, or becomes a dead letter."""
