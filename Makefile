# make lab    the course in your browser          make test       everything that can be checked
# make lock   new pinned versions                 make notebooks  runs all notebooks and stores their outputs
# make demo   the panels as web pages             make html       all notebooks as pages that open from a folder
# make slides the course with its notebooks as slides
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
OWN := my-notebooks

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A kernel that the user installed elsewhere must not stand in for the one of this environment.
export JUPYTER_PREFER_ENV_PATH := 1

# Stored outputs are what a first run without a network gives: no folder of data, an empty home, a proxy that refuses.
OFFLINE := env -u LECTURE_DATA -u XDG_CACHE_HOME HOME="$(CURDIR)/$(VENV)/empty-home" no_proxy=localhost,127.0.0.1 \
	http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9

.PHONY: help environment lab demo html slides test lint unit-tests notebook-tests notebooks exercises lock clean FORCE
help:
	@sed -n 's/^# //p' Makefile | head -4

# tools/jupyter holds the settings; what is given in LAB_FLAGS comes on top, for example LAB_FLAGS=--port=9000.
# Exported, not written before the command: without a shell between them, a signal to make ends the server.
lab: export JUPYTER_CONFIG_PATH := $(if $(SLIDES),$(SLIDES):)$(CURDIR)/tools/jupyter
lab: $(VENV)/course
	@$(PY) -m lecture_lib.course.working_copy $(OWN)
	@echo "Opening the course. If no browser opens, copy the address below into one. Ctrl-C twice ends it."
	@$(PY) -m jupyterlab --log-level=ERROR $(LAB_FLAGS)

# JupyterLab with a button "Slides" in each notebook, which tools/mark_slides.py has marked; tools/slides keeps the panels alive there.
slides: $(VENV)/tests
	@JUPYTER_PATH="$(CURDIR)/tools/slides" $(MAKE) --no-print-directory lab SLIDES="$(CURDIR)/tools/slides"

# For other computers to see it: make demo DEMO_FLAGS=--Voila.ip=0.0.0.0
demo: $(VENV)/tests
	@$(PY) tools/serve_demo.py $(VENV)/demo $(DEMO_FLAGS)

html: $(VENV)/tests
	@rm -rf $(VENV)/html && $(PY) tools/make_site.py $(VENV)/html && echo "Open $(VENV)/html/index.html in a browser."

# All three parts run, whatever fails; the last line says what did.
test: $(VENV)/tests
	@$(PY) tools/check.py $(VENV) "$(MAKE)"

lint: $(VENV)/tests
	@echo "== lint" && $(PY) -m ruff format --check . ; formatted=$$?; $(PY) -m ruff check --output-format concise . ; checked=$$?; \
		$(PY) tools/check_accessibility.py notebooks exercises && exit $$((formatted + checked))

# Two test at a time: threads of numpy's products would wait for those of the other more than they work.
unit-tests notebook-tests: export OPENBLAS_NUM_THREADS = 1
unit-tests: $(VENV)/tests
	@echo "== unit tests" && $(PY) -m pytest tests -p no:nbval -n 2 --dist loadfile --durations 5 \
		--junitxml=$(VENV)/unit-tests.xml

notebook-tests: $(VENV)/tests
	@echo "== notebooks" && rm -rf $(VENV)/empty-home && $(OFFLINE) $(PY) -m pytest notebooks -n 2 --dist loadfile \
		--nbval-lax --nbval-current-env --nbval-cell-timeout 600 --junitxml=$(VENV)/notebooks.xml
	@$(PY) tools/measure_notebooks.py --check $(VENV)/notebooks.xml

notebooks: $(VENV)/tests
	@rm -rf $(VENV)/empty-home
	@$(OFFLINE) $(PY) -m nbconvert --to notebook --execute --inplace --log-level WARN --ExecutePreprocessor.timeout=1200 \
		--ExecutePreprocessor.store_widget_state=False --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	@$(PY) tools/mark_slides.py

# Students' copies: the exercises without their solutions, in the form that nbgrader can collect and grade. What their right solutions
# show is drawn anew by tools/exercise_pictures.py, which is to be run before.
STUB = raise NotYet("this task is still to be written.")  \# your code here
exercises: $(VENV)/tests
	@$(PY) -m nbconvert --to notebook --log-level ERROR --output-dir exercises exercises/source/*.ipynb \
		--Exporter.preprocessors=nbgrader.preprocessors.ClearSolutions --ClearSolutions.enforce_metadata=False \
		--ClearSolutions.code_stub='$(STUB)'

# With LOCK_FLAGS= only what pyproject.toml asks for changes.
LOCK_FLAGS = --upgrade
lock: $(VENV)/course
	@$(PY) tools/lock.py $(VENV) $(LOCK_FLAGS)

clean:
	rm -rf $(VENV) .uv

environment: $(VENV)/tests

# tools/install.py writes the files "course" and "tests" last, and into them this folder: without them, or in a clone that was moved,
# the environment counts as broken and is made anew.
ifneq ($(shell { cat $(VENV)/course && $(PY) -c ""; } 2>&1),$(CURDIR))
$(VENV)/course: FORCE
endif
$(VENV)/course: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))" || \
		{ echo "The course needs Python 3.10 to 3.13, and $(PYTHON) is another or missing. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) tools/install.py $(VENV) course

$(VENV)/tests: $(VENV)/course requirements-test.lock
	@$(PYTHON) tools/install.py $(VENV) tests
