"""Asking the API: tokens, time-outs, safe retries, several instances, and the last good answer when none answers."""
