"""Telling programs: events, and the brokers and webhooks that they are delivered to."""
