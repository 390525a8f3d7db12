"""What can be wrong with a film."""


class VideoError(ValueError):
    """A film that cannot be used or written; the message says what was wrong and what to do."""


class UnfinishedError(VideoError):
    """A film that was begun and could not be finished; what is done is kept for the next run."""
