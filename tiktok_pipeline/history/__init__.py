"""What happens to captured history later: it is sealed into a chain, checked, derived again, and archived."""
