"""Goes through the words of a text."""

from chandlery.signals.domain.tokens import Kind, Misread, Token, misread, read_tokens


class Words:
    """The words of a text, taken one after the other."""

    def __init__(self, text: str) -> None:
        self._tokens, self._place = read_tokens(text), 0

    @property
    def token(self) -> Token:
        """The word that comes next."""
        return self._tokens[self._place]

    def take(self, *texts: str) -> Token | None:
        """The next word, if it is one of these."""
        token = self.token
        if token.kind in (Kind.SIGN, Kind.WORD) and token.text in texts:
            self._place += 1
            return token
        return None

    def need(self, text: str) -> None:
        """Take one word.

        Raises:
            Misread: another comes.
        """
        if not self.take(text):
            raise self.unexpected(text)

    def need_kind(self, kind: Kind, what: str) -> Token:
        """The next word, which is to be of a kind.

        Raises:
            Misread: it is not.
        """
        token = self.token
        if token.kind is not kind:
            raise self.unexpected(what)
        self._place += 1
        return token

    def unexpected(self, expected: str) -> Misread:
        """What is wrong with the next word."""
        return misread(self.token, f"{expected} is expected, and here is {self.token.said}")
