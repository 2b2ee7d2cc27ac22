"""Which certificate authorities a TLS connection to AWS trusts.

If no bundle is configured, Amazon's five root certificates are tried first. Reading all of
botocore's bundle costs more than a TLS handshake, and urllib3 would read it for each connection.
Here a bundle is read once, into the one TLS context of botocore's HTTP session.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from botocore.httpsession import get_cert_path
from urllib3.exceptions import SSLError

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

AMAZON_ROOTS = str(Path(__file__).parent / "botocore_data/amazon-roots.pem")
"""The roots of Amazon Trust Services; `deployment.roots` copies them from botocore's bundle."""

_loaded: WeakKeyDictionary[SSLContext, set[str]] = WeakKeyDictionary()


def first_bundle(bundle: str) -> str:
    """Return the bundle to try first: Amazon's roots, or `bundle` itself if it is configured."""
    return AMAZON_ROOTS if bundle == get_cert_path(True) else bundle


def load_bundle(context: SSLContext, bundle: str) -> None:
    """Load a bundle into a TLS context, once.

    Raises:
        SSLError: The bundle cannot be read. urllib3 raises the same error for its own bundles.
    """
    known = _loaded.setdefault(context, set())
    if bundle not in known:
        try:
            context.load_verify_locations(bundle)
        except OSError as error:
            raise SSLError(error) from error
        known.add(bundle)


def connect_with_trust(connection: Any, connect: Callable[[], None]) -> None:
    """Connect, and trust Amazon's five root certificates first, unless a bundle is configured.

    If the endpoint's certificate comes from another authority, connect again with all of botocore's
    bundle.
    """
    if connection.proxy is not None:  # urllib3 makes another TLS context for it, from ca_certs
        return connect()
    bundle, connection.ca_certs = connection.ca_certs, None
    try:
        _connect(connect, connection.ssl_context, bundle)
    finally:
        connection.ca_certs = bundle  # a connection may be opened a second time
    return None


def _connect(connect: Callable[[], None], context: SSLContext, bundle: str | None) -> None:
    if bundle is None:  # certificates are not verified
        return connect()
    first = first_bundle(bundle)
    load_bundle(context, first)
    try:
        return connect()
    except SSLCertVerificationError:
        if first == bundle:
            raise
    load_bundle(context, bundle)
    return connect()


def preload_certificates(session: Any, url: str) -> None:
    """Load the certificates of botocore's HTTP session before its first connection needs them.

    An error is ignored here, because that connection will report it.
    """
    if url.startswith("https:") and session._verify:
        bundle = str(Path(first_bundle(get_cert_path(session._verify))).expanduser())
        with suppress(SSLError):
            load_bundle(session._manager.connection_pool_kw["ssl_context"], bundle)
