"""A vendor's key: it goes into one header, and nowhere else."""

import json
import re
from urllib.parse import quote, unquote

from pydantic import SecretStr

from chandlery.platform.errors import Permanent
from chandlery.platform.secrets import read_secret
from chandlery.platform.settings.vendor import VendorSettings


class Key:
    """A bearer key that does not show itself, and strikes itself out of texts.

    Raises:
        Permanent: it holds what no header can carry; the message does not quote it.
    """

    def __init__(self, secret: SecretStr | str) -> None:
        self._secret = secret if isinstance(secret, SecretStr) else SecretStr(secret)
        value = self._secret.get_secret_value()
        # Whoever builds the header would quote the key in its complaint.
        if not re.fullmatch(r"[!-~]+", value):
            raise Permanent(
                "the vendor's key is empty, or holds spaces or letters no header can carry; correct VENDOR_API_KEY or"
                " the secret"
            )
        self._forms = re.compile("|".join(re.escape(form) for form in (value, quote(value, safe=""))), re.IGNORECASE)

    def __repr__(self) -> str:
        return "Key(…)"

    def headers(self) -> dict[str, str]:
        """What a request needs to be let in."""
        return {"Authorization": f"Bearer {self._secret.get_secret_value()}"}

    def is_in(self, text: str) -> bool:
        """Whether a text would give the key away."""
        return bool(self._forms.search(text) or self._forms.search(unquote(text)))

    def struck_from(self, text: str) -> str:
        """The text without the key."""
        struck = self._forms.sub("…", text)
        return "(it repeats the key)" if self.is_in(struck) else struck


def vendor_key(settings: VendorSettings) -> SecretStr:
    """The vendor's key: VENDOR_API_KEY, or the secret, which is the key itself or JSON `{"api_key": "…"}`.

    Raises:
        Permanent: neither is set, or the one that is does not exist, is refused, or holds no key.
        Retryable: Secrets Manager did not answer.
    """
    if settings.vendor_api_key is not None:
        key, where = settings.vendor_api_key.get_secret_value(), "VENDOR_API_KEY"
    elif settings.vendor_secret_id is not None:
        where = settings.vendor_secret_id
        key = _key_of(read_secret(settings, where, "VENDOR_SECRET_ID"))
    else:
        raise Permanent("no key for the vendor is named: set VENDOR_API_KEY or VENDOR_SECRET_ID")
    # An editor's last newline is no part of a key.
    if not (key := key.strip()):
        raise Permanent(f'{where} holds no key; make it the key itself or JSON {{"api_key": "…"}}')
    return SecretStr(key)


def _key_of(secret: str) -> str:
    if not secret.lstrip().startswith("{"):
        return secret
    try:
        key = json.loads(secret).get("api_key")
    except ValueError:
        return ""
    return key if isinstance(key, str) else ""
