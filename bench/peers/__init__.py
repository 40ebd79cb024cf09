"""From TikTok to PostgreSQL as users would build it with other tools, against the same sandbox and the same server."""
