"""Large pictures in pieces: few enough pixels at a time to stay in the processor's cache, and no large intermediate results."""

PIXELS = 2**16


def row_blocks(picture):
    """Slices of rows that cover a picture (..., H, W), of about `PIXELS` pixels each."""
    height, width = picture.shape[-2:]
    rows = max(1, PIXELS // width)
    return [slice(top, top + rows) for top in range(0, height, rows)]
