"""Is this face genuine, and how sure are we? Fakes to learn from, a detector, its calibration, its verdicts, and what watches over them."""
