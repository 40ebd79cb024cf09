"""What comes from elsewhere, and what must not get out: licences, secrets, rules for the code."""
