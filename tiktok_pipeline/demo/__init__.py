"""The demonstration: a sandbox TikTok, made-up stores, and a month of history, with the real pipeline."""
