"""Whom a TLS connection to AWS trusts: Amazon's five roots first, where nobody set a bundle.

To read all that botocore's bundle holds costs more than a handshake, and urllib3 reads it for each
connection. Here a bundle is read once, into the one TLS context of botocore's HTTP session.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from botocore.httpsession import get_cert_path
from urllib3.exceptions import SSLError

if TYPE_CHECKING:
    from ssl import SSLContext

AMAZON_ROOTS = str(Path(__file__).parent / "botocore_data/amazon-roots.pem")
"""Amazon Trust Services'; `deployment.roots` takes them out of botocore's bundle."""

_read: WeakKeyDictionary[SSLContext, set[str]] = WeakKeyDictionary()


def first_bundle(bundle: str) -> str:
    """What to try before this bundle; itself, if somebody has set it."""
    return AMAZON_ROOTS if bundle == get_cert_path(True) else bundle


def trust(context: SSLContext, bundle: str) -> None:
    """Read a bundle, once. When it cannot be read: urllib3's SSLError, as from urllib3."""
    known = _read.setdefault(context, set())
    if bundle not in known:
        try:
            context.load_verify_locations(bundle)
        except OSError as error:
            raise SSLError(error) from error
        known.add(bundle)


def read_certificates(session: Any, url: str) -> None:
    """For an HTTP session of botocore's, before its first connection has to.

    What is wrong with them, that connection says.
    """
    if url.startswith("https:") and session._verify:
        bundle = first_bundle(get_cert_path(session._verify))
        with suppress(SSLError):
            trust(
                session._manager.connection_pool_kw["ssl_context"], str(Path(bundle).expanduser())
            )
