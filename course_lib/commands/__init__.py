"""The commands of ``python -m course_lib``, one module each.

A module has ``add_parser(commands)``, which describes its arguments, and ``run(options)``, which does the work and returns the exit status.
Parsing needs the standard library alone, so that ``--help`` answers at once: torch is imported when a command runs.
"""
