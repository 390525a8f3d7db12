"""Options that the commands which color share."""

TEMPERATURE = 0.38
SIDE = 128


def add_options(parser, use, default, seen):
    """Let a command choose the network, its temperature, and the size at which it sees pictures.

    Parameters
    ----------
    parser : ArgumentParser
    use, default : str
        What the network does, as the end of "a checkpoint", and which one is taken by default.
    seen : str
        Who sees what, as in "the network sees a picture".
    """
    parser.add_argument(
        "--model", metavar="NAME", help=f"a checkpoint{use}: its name, or its .safetensors file ({default})"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=TEMPERATURE,
        metavar="T",
        help="1 for cautious colors, towards 0 for the most likely and most saturated ones (%(default)s)",
    )
    parser.add_argument(
        "--side",
        type=int,
        default=SIDE,
        metavar="PIXELS",
        help=f"the shorter side at which {seen} (%(default)s)",
    )
