"""Requests signed for AWS (SigV4), for an API behind IAM: `Client(url, auth=aws_auth("eu-west-1"))`."""

import importlib
from collections.abc import Mapping
from typing import Any

from chandlery_client.core.target import Auth
from chandlery_client.core.wire import Request
from chandlery_client.errors import BadArgument, MissingExtra


def aws_auth(region: str, *, session: Any = None, service: str = "execute-api") -> Auth:
    """Sign with the credentials that AWS's tools find: environment, profile, role.

    Args:
        region: of the API.
        session: botocore's, where another profile is wanted.
        service: what the signature is for.

    Raises:
        MissingExtra: botocore is not installed.
        BadArgument: there are no credentials.
    """
    try:
        signing, requests, sessions = map(
            importlib.import_module, ("botocore.auth", "botocore.awsrequest", "botocore.session")
        )
    except ImportError as error:
        raise MissingExtra("botocore is not installed: pip install 'chandlery-client[aws]'") from error
    credentials = (session or sessions.get_session()).get_credentials()
    if credentials is None:
        raise BadArgument("AWS credentials are nowhere to be found: set a profile, a role or AWS_ACCESS_KEY_ID")

    def headers(request: Request, url: str) -> Mapping[str, str]:
        # What proxies may change on the way is not signed.
        signed = {name: value for name, value in request.headers.items() if name.lower() == "content-type"}
        asked = requests.AWSRequest(method=request.method, url=url, data=request.body, headers=signed)
        # Frozen: a refresh between its parts would mix two sets of credentials.
        signing.SigV4Auth(credentials.get_frozen_credentials(), service, region).add_auth(asked)
        return {name: value for name, value in asked.headers.items() if name not in signed}

    return headers
