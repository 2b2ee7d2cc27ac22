"""`python -m deployment.roots`: copies Amazon's root certificates from botocore's CA bundle.

AWS's endpoints have certificates from these roots, and AWS asks every client to trust them.

Source: https://www.amazontrust.com/repository/
"""

from __future__ import annotations

import re
from pathlib import Path

from botocore.httpsession import DEFAULT_CA_BUNDLE

FILE = Path(__file__).parents[1] / "chalicelib/aws/botocore_data/amazon-roots.pem"
LABELS = (
    *(f"Amazon Root CA {number}" for number in (1, 2, 3, 4)),
    "Starfield Services Root Certificate Authority - G2",
)
LABELLED = re.compile(
    r'^# Label: "(?P<label>[^"]+)"$.*?(?P<pem>^-----BEGIN.*?^-----END CERTIFICATE-----$)',
    re.MULTILINE | re.DOTALL,
)


def text() -> str:
    """Return the content of the file, from the bundle of the installed botocore."""
    bundle = Path(DEFAULT_CA_BUNDLE).read_text(encoding="utf-8")
    by_label = {found["label"]: found["pem"] for found in LABELLED.finditer(bundle)}
    return "".join(f"# {label}\n{by_label[label]}\n" for label in LABELS)


if __name__ == "__main__":
    FILE.write_text(text())
