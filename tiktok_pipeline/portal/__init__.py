"""The portal: connect pages for stores, an overview for operators, webhooks. Never imports Dagster."""
