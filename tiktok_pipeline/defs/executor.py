"""How steps run: in the run's own process. A process per step would cost 2 to 3 seconds each."""

import dagster as dg

executor = dg.Definitions(executor=dg.in_process_executor)
