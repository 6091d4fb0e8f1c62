# make lab    the course in your browser          make test       everything that can be checked
# make lock   new pinned versions                 make notebooks  runs all notebooks and stores their outputs
# make demo   the panels as web pages             make html       all notebooks as pages that open from a folder
# make slides the course with its notebooks as slides
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A kernel that the user installed elsewhere must not stand in for the one of this environment.
export JUPYTER_PREFER_ENV_PATH := 1

# Stored outputs are what a first run without a network gives: no folder of data, an empty cache, a proxy that refuses.
OFFLINE := env -u LECTURE_DATA XDG_CACHE_HOME="$(CURDIR)/$(VENV)/empty-cache" no_proxy=localhost,127.0.0.1 \
	http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
# Without a screen JupyterLab must not start a text browser in the terminal; as root it must be told that this is meant.
LAB_FLAGS = $(shell [ "$$(uname)$$DISPLAY$$WAYLAND_DISPLAY" = Linux ] && echo --no-browser) $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.PHONY: help environment lab demo html slides test lint unit-tests notebook-tests notebooks exercises lock clean FORCE
help:
	@sed -n 's/^# //p' Makefile | head -4

# A photograph from a camera travels to the kernel in one message, larger than the 10 MB that the server allows by itself.
lab: $(VENV)/course
	@echo "Opening the course. If no browser opens, copy the address below into one. Ctrl-C twice ends it."
	@$(PY) -m jupyterlab --ServerApp.ip=localhost --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
		--ServerApp.log_level=ERROR --LabApp.log_level=ERROR \
		--ServerApp.tornado_settings='{"websocket_max_message_size": 104857600}' $(LAB_FLAGS)

# For other computers to see it: make demo DEMO_FLAGS=--Voila.ip=0.0.0.0
# The token stays in the environment, for a command line can be read by everybody on the computer.
demo: export LECTURE_DEMO_TOKEN := $(shell $(PYTHON) -c "import secrets; print(secrets.token_hex(16))")
demo: ADDRESS = http://localhost:8866/?token=$$LECTURE_DEMO_TOKEN
demo: $(VENV)/tests
	@rm -rf $(VENV)/demo && $(PY) tools/make_demo.py $(VENV)/demo
	@echo "Starting the demonstration at $(ADDRESS) (half a minute until the first networks are awake). Ctrl-C ends it."
	@[ -n "$(findstring --no-browser,$(LAB_FLAGS))" ] || { sleep 5; $(PY) -m webbrowser "$(ADDRESS)"; } >/dev/null 2>&1 & \
		cd tools/demo && JUPYTER_PATH="$(CURDIR)/tools/demo" LECTURE_DEMO="$(CURDIR)/$(VENV)/demo" \
		"$(CURDIR)/$(PY)" -m voila --Voila.config_file_paths=settings --no-browser $(DEMO_FLAGS)

html: $(VENV)/tests
	@rm -rf $(VENV)/html && $(PY) tools/make_site.py $(VENV)/html && echo "Open $(VENV)/html/index.html in a browser."

# JupyterLab with a button that shows a notebook as slides, which tools/mark_slides.py has marked; tools/slides keeps the panels alive there.
slides: $(VENV)/tests
	@JUPYTER_PATH="$(CURDIR)/tools/slides" $(MAKE) --no-print-directory lab

environment: $(VENV)/tests

test: lint unit-tests notebook-tests

lint: $(VENV)/tests
	@echo "== lint" && $(PY) -m ruff check --output-format concise .

unit-tests: $(VENV)/tests
	@echo "== unit tests" && $(PY) -m pytest tests -n 2 --dist loadfile --durations 5

notebook-tests: $(VENV)/tests
	@echo "== notebooks" && rm -rf $(VENV)/empty-cache && $(OFFLINE) $(PY) -m pytest notebooks -n 2 --dist loadfile \
		--nbval-lax --nbval-current-env --nbval-cell-timeout 600 --junitxml=$(VENV)/notebooks.xml
	@$(PY) tools/measure_notebooks.py --check $(VENV)/notebooks.xml

notebooks: $(VENV)/tests
	@rm -rf $(VENV)/empty-cache
	@$(OFFLINE) $(PY) -m nbconvert --to notebook --execute --inplace --log-level WARN --ExecutePreprocessor.timeout=1200 \
		--ExecutePreprocessor.store_widget_state=False --ExecutePreprocessor.record_timing=False $(NOTEBOOKS)
	@$(PY) tools/mark_slides.py

# Students' copies: the exercises without their solutions, in the form that nbgrader can collect and grade.
STUB = raise NotYet("the cell above is still to be written.")  \# your code in the place of this line
exercises: $(VENV)/tests
	@$(PY) -m nbconvert --to notebook --log-level ERROR --output-dir exercises exercises/source/*.ipynb \
		--Exporter.preprocessors=nbgrader.preprocessors.ClearSolutions --ClearSolutions.enforce_metadata=False \
		--ClearSolutions.code_stub='$(STUB)'

COMPILE = $(VENV)/lock-tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock" pyproject.toml
lock:
	@$(PYTHON) -m venv $(VENV)/lock-tools && $(VENV)/lock-tools/bin/python -m pip install --quiet "uv>=0.9,<0.14"
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra demo --extra scale --extra slides --extra test --constraints requirements.lock --output-file requirements-test.lock

clean:
	rm -rf $(VENV)

# The files "course" and "tests" are written last and name this folder: without them, or in a clone that was moved,
# the environment counts as broken and is made anew.
ifneq ($(shell { cat $(VENV)/course && $(PY) -c ""; } 2>&1),$(CURDIR))
$(VENV)/course: FORCE
endif
$(VENV)/course: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))" || \
		{ echo "The course needs Python 3.10 to 3.13, and $(PYTHON) is another or missing. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@{ [ "$$(cat $@)" = "$(CURDIR)" ] && $(PY) -c ""; } 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@rm -f $(VENV)/course $(VENV)/tests
	@echo "Installing the course into $(VENV): about 2 GB on disk and some minutes, the first time only."
	@$(PY) -m pip install --quiet --requirement requirements.lock
	@$(PY) -m pip install --quiet --no-deps --editable .
	@$(PY) -m jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" >/dev/null 2>&1
	@echo "$(CURDIR)" > $@

$(VENV)/tests: $(VENV)/course requirements-test.lock
	@rm -f $@
	@echo "Installing what the tests need."
	@$(PY) -m pip install --quiet --requirement requirements-test.lock
	@echo "$(CURDIR)" > $@
