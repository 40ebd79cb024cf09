"""The hub: stores, and the TikTok accounts connected to them."""
