"""What x264 needs to be told so that the same frames become the same bits in each run."""

import platform

# The AVX-512 code of x264 gives other bits in every run, even in one thread; SSE2, which every x86-64 has, gives those of the plain C code
# that other processors run with this.
CODE = "SSE2" if platform.machine().lower() in ("x86_64", "amd64") else "0"
SAME_BITS = f"asm={CODE}"
