"""The outside world: TikTok's Display API and OAuth over HTTP, its error classes, and the quota."""
