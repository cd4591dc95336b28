# Bursar. `make help` lists what there is to type.
.DEFAULT_GOAL := help
.PHONY: help setup demo lint check test bench lock clean mysql

# The first Python on this machine that is new enough; `make PYTHON=/path/to/python3.12 setup` names another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell $(name) -c '$(NEW_ENOUGH)' 2>/dev/null && echo $(name))))
PORT ?= 8000
BIN := .venv/bin
# Checks read the settings, which want a home; it is not the demo's.
SCRATCH := BURSAR_HOME=.venv/scratch

help: ## list what there is to type
	@grep -hE '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 10

setup: .venv/installed ## make .venv from the locked requirements, with the command .venv/bin/bursar

.venv/installed: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Bursar needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.12 setup"; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Bursar needs Python 3.11 or newer, and $(PYTHON) is older (or missing)."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks its venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# mysqlclient is compiled, so it is there only where a compiler and MariaDB's headers are.
mysql: setup
	@if $(BIN)/python -c 'import MySQLdb' 2>/dev/null; then :; \
	elif pkg-config --exists libmariadb 2>/dev/null || pkg-config --exists mysqlclient 2>/dev/null; then \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/mysql.txt \
			|| echo "mysqlclient cannot be built here, so there is no driver for MariaDB."; \
	else echo "No headers of MariaDB here (Debian: apt install libmariadb-dev pkg-config gcc), so no driver for it."; fi

demo: setup ## serve the demo at http://127.0.0.1:8000 (make demo PORT=8001 elsewhere); its data stay in var/
	@$(BIN)/bursar migrate
	@$(BIN)/bursar load demo/acme.yaml
	@echo
	@echo "Sign in with the password demo:"
	@echo "  alice@acme.test    administers Acme"
	@echo "  bob@acme.test      learns there"
	@echo "  olga@bursar.test   operates the platform: http://127.0.0.1:$(PORT)/api/docs/"
	@echo
	@$(BIN)/bursar up --port $(PORT)

lint: setup ## lint, types, imports, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(SCRATCH) $(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(SCRATCH) $(BIN)/bursar manage makemigrations --check --dry-run

check: lint ## lint, and the quick tests on SQLite: what every commit must pass
	$(BIN)/python -m pytest -q -n 2 -m "not slow" --database=sqlite

test: setup mysql ## all tests, on every database and broker that is found, with coverage
	$(BIN)/python -m tests.everything

bench: setup ## measure, and compare with the goals
	@failed=0; for file in bench/*.py; do test -e "$$file" || continue; \
		echo "== $$file"; $(BIN)/python "$$file" || failed=1; done; exit $$failed

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
lock: setup ## lock requirements/ again, with the newest versions that fit
	$(LOCK) --upgrade requirements/dev.in -o requirements/dev.txt
	$(LOCK) -c requirements/dev.txt requirements/base.in -o requirements/base.txt
	$(LOCK) -c requirements/dev.txt requirements/postgres.in requirements/redis.in -o requirements/scale.txt
	$(LOCK) --upgrade requirements/mysql.in -o requirements/mysql.txt

clean: ## remove .venv and caches; var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*
