"""Settings that hold for every test."""

import matplotlib

# Figures are drawn into memory: no test opens a window. The setting stays out of the environment variables, where the
# kernels of notebooks would find it and show no figures.
matplotlib.use("Agg")
