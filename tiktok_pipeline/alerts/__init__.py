"""Telling people: the messages, and where they wait until a channel sends them."""
