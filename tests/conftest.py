"""Settings that hold for every test."""

import matplotlib

# Figures are drawn into memory: no test opens a window. The setting is not put into the environment, where notebook kernels
# would find it and show no figures.
matplotlib.use("Agg")
