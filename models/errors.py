"""The one kind of error a person is meant to read."""


class LodestoneError(Exception):
    """Something went wrong that an artist can understand and act on.

    `str(error)` is one or two plain sentences: what happened, then what to do.
    `detail` holds what a maintainer would want to see (may be empty).
    """

    def __init__(self, sentence: str, detail: str = ""):
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.sentence, self.detail)


class RefusedFile(LodestoneError):
    """A file we will not or cannot read; the sentence says what it is and what to do."""
