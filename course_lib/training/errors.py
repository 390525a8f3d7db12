"""What may go wrong in a training, told to the person who started it."""


class TrainingError(Exception):
    """A training that cannot begin or go on; the message says what to do."""
