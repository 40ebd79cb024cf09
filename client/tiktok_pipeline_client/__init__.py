"""For services that ask the API of tiktok_pipeline, or are told of its events. It imports nothing of the pipeline."""
