"""Settings of nbgrader in `make lab`: its own; without this file it would warn at each start."""

c = get_config()  # noqa: F821
