"""PostgreSQL: connecting, the embedded server, migrations, running SQL files over date ranges."""
