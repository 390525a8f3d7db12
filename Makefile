# Each command as one line; the README has the same for people without make.
# Another Python: make lab PYTHON=python3.12
PYTHON ?= python3
SETUP = $(PYTHON) -m course_lib.setup

.PHONY: lab test notebooks bench clean

# open JupyterLab at the first lesson
lab:
	@$(SETUP) lab

# everything that can fail; with arguments for pytest: make test ARGS="tests/test_color.py -x"
test:
	@$(SETUP) test $(ARGS)

# build and execute the notebooks from the lessons; one alone: make notebooks ARGS=01_rgb_vs_lab
notebooks:
	@$(SETUP) notebooks $(ARGS)

# how fast the library is beside others
bench:
	@$(SETUP) bench $(ARGS)

# remove the environment and caches
clean:
	@$(SETUP) clean
