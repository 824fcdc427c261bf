# On a fresh Debian 12 each target by itself does everything that it needs: it installs packages, builds and runs.
#
#   make demo [ARGS=--once]   a real three-node cluster: comes up, loses its primary, heals
#   make test                 lint, unit tests, the fuzzers for a moment, end-to-end tests, tests on booted hosts
#   make lint                 format, warnings, length of functions, scripts, playbooks, man pages, links (part of make test)
#   make tidy [ARGS=FILE...]  clang-tidy over src, several files as one as they are compiled, or over these files alone
#   make test-busy            the end-to-end tests while stress-ng keeps the processors and the disk busy
#   make test-hosts           only the tests on booted hosts: deployment, failover table and ten minutes of random faults (root, namespaces)
#                             HOSTS_SUITE=trixie: on hosts of Debian 13, with packages of this tree that are built there
#                             HOSTS_PG10=: without the cluster of PostgreSQL 10 in Red Hat's paths, whose server is downloaded from npm
#   make test-versions [ONLY=17]  the end-to-end tests on PostgreSQL 10 to 18 and etcd 3.4 and 3.5 (root, namespaces) -> docs/versions.md
#   make test-asan            unit, end-to-end tests and a piece of simulation with sanitizers (address, undefined)
#   make table                the failover table on booted hosts, with both settings -> docs/failover-table.md
#   make chaos [ARGS=...]     random faults on booted hosts under load, with a checker -> build/chaos, docs/chaos.md (root, namespaces)
#   make build                build/release/bin/{tamada,tamadactl}
#   make deb [SUITE=trixie]   Debian packages in build/release/deb; those for Debian 13 in build/trixie/deb (root, namespaces)
#   make tarball              for other distributions with glibc 2.34 or later (Red Hat 9): build/portable/tarball
#   make rpm                  the same as RPM packages: build/portable/rpm
#   make test-packages        tests the tarball and the RPM packages in bare roots of Debian 12, 13 and unstable (root, namespaces)
#   make sim [ARGS=...]       simulated clusters under faults, on all cores, until one fails or ^C
#   make patroni-suite [ONLY=17] PATRONI_SRC=... [ARGS=...]  Patroni's own acceptance tests (a clone of it) against this daemon
#   make bench [ARGS=--more]  outages and footprint, compared with Debian's Patroni -> docs/benchmarks.md; --more: its second part
#   make bench-check          whether role changes have become slower, compared with role changes by hand (part of make test)
#   make bench-clients [ARGS=...]  a stop and a switchover under 0 to 2,000 idle clients
#   make bench-floods [ARGS=...]   health checks during floods of the REST API, compared with nginx's
#   make soak [ARGS=--peer]   an hour on an overloaded machine with an etcd that pauses: counts false failovers -> build/soak.json
#   make screenshots          pictures of the dashboard, of a cluster that has just had a switchover -> build/screenshots, docs/pictures
#   make clean

PRESET ?= release
BUILD := build/$(PRESET)
PYTHON := /usr/bin/python3
ARGS ?=
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: demo test lint tidy test-busy test-asan test-hosts test-versions table chaos programs build deb tarball rpm test-packages sim patroni-suite bench bench-check bench-clients bench-floods soak screenshots deps deps-web deps-tidy deps-busy deps-deb deps-rpm deps-hosts deps-bench clean

demo: programs
	@$(PYTHON) demo/demo.py $(ARGS)

test: build deps-web
	@$(PYTHON) tests/run.py --build $(BUILD) $(ARGS)

lint: deps deps-web
	@tools/lint $(ARGS)

tidy: deps-tidy
	@cmake --preset tidy --log-level=WARNING -DTAMADA_UNITY=$(if $(ARGS),OFF,ON) >/dev/null
	@run-clang-tidy-19 -quiet -p build/tidy -warnings-as-errors='*' $(if $(ARGS),$(ARGS),'$(CURDIR)/(?!build/tidy/ui/).*')

test-asan: deps-web
	@$(MAKE) build PRESET=asan
	@$(PYTHON) tests/run.py --build build/asan $(ARGS)

test-busy: build deps-busy deps-web
	@$(PYTHON) tests/run.py --build $(BUILD) --only e2e --busy -- $(ARGS)

test-versions: build deps-hosts
	@$(PYTHON) tests/versions/run.py --build $(BUILD) $(if $(ONLY),--only $(ONLY)) $(ARGS)

test-hosts: build
	@HOSTS_PG10=$${HOSTS_PG10-1} HOSTS_CHAOS=$${HOSTS_CHAOS:-10} $(PYTHON) tests/run.py --build $(BUILD) --only hosts -- $(ARGS)

# The tests that are lines of the failover table, and the tests that deploy the cluster on which they run.
TABLE := failover_table or (deploy and (test_etcd or one_command or test_haproxy))

table: build
	@for profile in seed fast; do for replication in asynchronous synchronous; do \
	  HOSTS_PROFILE=$$profile HOSTS_REPLICATION=$$replication $(PYTHON) tests/run.py --build $(BUILD) --only hosts -- -k '$(TABLE)' || exit 1; \
	done; done
	@$(PYTHON) tests/hosts/table.py build/hosts-table-30-*.json build/hosts-table-5-*.json >docs/failover-table.md

chaos: build deps-deb
	@$(PYTHON) tests/chaos/run.py $(ARGS)

# Builds only the programs that run on a host, without the tests and the simulator.
programs: deps
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build $(BUILD) --target tamada tamadactl tamada-guard

build: deps
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build $(BUILD)

ifdef SUITE
deb: deps-hosts
	@packaging/build-deb-for $(SUITE)
else
deb: build deps-deb
	@packaging/build-deb $(BUILD)
endif

tarball: deps
	@cmake --preset portable --log-level=WARNING >/dev/null
	@cmake --build build/portable --target tamada tamadactl tamada-guard
	@packaging/build-tarball build/portable

rpm: tarball deps-rpm
	@packaging/build-rpm build/portable

test-packages: rpm deps-hosts
	@$(PYTHON) -m pytest -p no:cacheprovider tests/packages $(ARGS)

sim: build
	@$(BUILD)/bin/tamada-sim --jobs $$(nproc) --nodes 5 --duration 120 --seeds $$(date +%s).. $(ARGS)

# The feature frozen_patroni expects that a frozen primary goes on. The guard would end it, so that feature runs without the guard.
PATRONI_FEATURES := basic_replication cascading_replication custom_bootstrap dcs_failsafe_mode ignored_slots nostream_node \
	patroni_api permanent_slots priority_failover priority_sync quorum_commit recovery standby_cluster
ifdef ONLY
PATRONI_SUITE = tests/versions/run.py --build $(BUILD) --only $(ONLY) --patroni-suite $(or $(PATRONI_SRC),patroni) --
else
PATRONI_SUITE = tests/patroni_suite/run.py
endif
patroni-suite: build deps-bench $(if $(ONLY),deps-hosts)
	@$(PYTHON) $(PATRONI_SUITE) $(ARGS) $(PATRONI_FEATURES)
	@$(PYTHON) $(PATRONI_SUITE) $(ARGS) --set watchdog.guard=off frozen_patroni

bench: build deps-bench deps-hosts
	@$(PYTHON) bench/compare.py $(ARGS)

bench-check: build
	@$(PYTHON) bench/check.py $(ARGS)

bench-clients: build deps-bench
	@$(PYTHON) bench/idle_clients.py $(ARGS)

bench-floods: build deps-bench
	@$(PYTHON) bench/floods.py $(ARGS)

soak: build deps-busy deps-bench
	@$(PYTHON) bench/soak.py $(ARGS)

screenshots: build deps-web
	@$(PYTHON) tests/run.py --build $(BUILD) --only e2e -- -k test_pictures
	@mkdir -p docs/pictures && cp build/screenshots/cluster-1280-light.png build/screenshots/question-360-dark.png docs/pictures/
	@ls build/screenshots/*.png

deps:
	@tools/install-packages packages.txt

deps-web:
	@tools/install-packages packages-web.txt

deps-tidy: deps
	@tools/install-packages packages-tidy.txt

deps-busy:
	@tools/install-packages packages-busy.txt

deps-deb:
	@tools/install-packages packages-deb.txt

deps-rpm:
	@tools/install-packages packages-rpm.txt

deps-hosts: deps-deb
	@tools/install-packages packages-hosts.txt

deps-bench:
	@tools/install-packages packages-bench.txt

clean:
	rm -rf build
