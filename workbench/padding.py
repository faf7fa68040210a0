"""A response said at greater length, without a word more of content: what length alone may not earn."""

FILLER = (
    "To put it in other words, this is what can be said in answer to the question.",
    "It is worth taking a moment to state this with the care that it deserves.",
    "All of the above is meant as a direct and complete answer to what was asked.",
    "There is more that could be said, yet this is what matters here.",
)
LEAST_WORDS = 16  # that padding adds


def with_filler(response: str) -> str:
    """The response and filler sentences, `padded_words` words long in all."""
    words = " ".join(FILLER).split()
    missing = padded_words(response) - len(response.split())
    return " ".join([response, *(words * (missing // len(words) + 1))[:missing]])


def padded_words(response: str) -> int:
    """The least multiple of the response's own words that is at least LEAST_WORDS more."""
    own = len(response.split())
    return own * (1 + -(-LEAST_WORDS // own))
