# Every target sets up what it needs: uv when it is missing, then the environment of uv.lock.
.PHONY: demo setup test soak faults mutants scale drill check bench screenshots dictionary superset prometheus supply audit pin
.DEFAULT_GOAL := demo

PYTHON ?= python3
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --frozen

# A month of made-up stores, then the Dagster UI on http://127.0.0.1:3000
demo: .venv/.ready
	$(RUN) tiktok-pipeline demo

# The environment alone.
setup: .venv/.ready

test: .venv/.ready
	$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder

# What takes minutes: the long forms of the concurrency and crash tests.
soak: .venv/.ready
	$(RUN) pytest -m soak --timeout 1800

# The whole fault matrix, FAULT_SEEDS=3 seeds a row or more; prints its table and writes it into docs/reliability.md.
faults: .venv/.ready
	$(RUN) pytest -m faults tiktok_pipeline_tests/faults

# Does it notice? The lease, the transaction, the uniqueness … are taken out one by one; each must turn it red.
mutants: .venv/.ready
	$(RUN) pytest -m faults tiktok_pipeline_tests/faults -k matrix_is_red

# Services and workers that are killed, on a real RabbitMQ (RABBITMQ_URL); writes its figures into data/scale.xml.
scale: .venv/.ready
	$(RUN) pytest -m scale tiktok_pipeline_tests/deploy -o junit_family=xunit1 --junitxml=data/scale.xml

# The database dumped, restored into a fresh server and compared; KEYS names the copy of the key ring that is kept apart.
drill: .venv/.ready
	$(RUN) tiktok-pipeline drill $(if $(KEYS),--keys $(KEYS))

check: .venv/.ready
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	@# with a Dagster home of its own: dagster.yaml here asks for the database, which loading does not need
	home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && DAGSTER_HOME=$$home $(RUN) dg check defs

bench: .venv/.ready
	$(UV) sync --quiet --locked --group bench
	$(RUN) --group bench python -m bench

# The portal's pages into docs/images; needs a chromium.
screenshots: .venv/.ready
	$(RUN) python -m docs.screenshots

# The bundle for Superset, data/superset.zip, imported into a real one and drawn by a browser. Takes minutes; Superset is
# in an environment of its own, of the packages of its release's days: it runs with none of ours, and not with newer ones.
superset: .venv/.ready data/superset/.ready
	$(RUN) python -m docs.superset data/superset/bin/superset data/superset.zip

data/superset/.ready: $(filter .uv/bin/uv,$(UV))
	$(UV) venv --quiet --clear --python '>=3.10,<3.13' data/superset
	$(UV) pip install --quiet --python data/superset/bin/python --exclude-newer 2026-06-01 \
		apache-superset==6.1.0 cachetools psycopg2-binary rich
	@touch $@

# The rules of docker/prometheus, by promtool and in a real Prometheus that reads a portal; needs Debian's package prometheus.
prometheus: .venv/.ready
	$(RUN) pytest -n 0 -rs tiktok_pipeline_tests/e2e/test_prometheus.py

# What the tables and columns mean, from their comments: docs/dictionary.md, docs/dbt/sources.yml, Superset's datasets.
dictionary: .venv/.ready
	$(RUN) python -m docs.dictionary

# What is installed and what may get out: our rules, the secret scan, licences and an SBOM (CycloneDX) into data/supply.
supply: .venv/.ready
	@mkdir -p data/supply
	$(RUN) pytest tiktok_pipeline_tests/supply
	$(RUN) python -m supply.licences > data/supply/licences.md
	$(UV) export --quiet --locked --no-dev --extra celery --format cyclonedx1.5 > data/supply/sbom.json

# Known holes in what is installed. Asks a database on the internet.
audit: .venv/.ready
	$(UV) audit --preview-features audit-command --locked --no-dev

# Today's digests beside the tags of the images that docker/ names; asks their registries.
pin:
	@set -e; for image in $$(sed -nE 's/^(ARG PYTHON=| *image: )([a-z0-9.\/-]+:[A-Za-z0-9._-]+).*/\2/p' \
			docker/Dockerfile docker/compose.yaml docker/compose.scale.yaml | sort -u); do \
		digest=$$(docker buildx imagetools inspect "$$image" --format '{{.Manifest.Digest}}'); \
		sed -i -E "s#$$image(@sha256:[0-9a-f]+)?\$$#$$image@$$digest#" docker/Dockerfile docker/compose*.yaml; \
		echo "$$image@$$digest"; \
	done

.venv/.ready: pyproject.toml uv.lock $(filter .uv/bin/uv,$(UV))
	$(UV) sync --quiet --locked
	@touch $@

# Without the venv module (Debian's python3 alone) pip puts uv into a folder.
.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet uv \
		|| { rm -rf .uv && $(PYTHON) -m pip install --quiet --target .uv uv; }
