"""`python -m deployment.roots`: the roots of Amazon Trust Services, taken out of botocore's bundle.

They are those that AWS signs its endpoints with, and asks every client to trust:
https://www.amazontrust.com/repository/
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
    """What the file should hold, made of the botocore that is installed."""
    bundle = Path(DEFAULT_CA_BUNDLE).read_text(encoding="utf-8")
    by_label = {found["label"]: found["pem"] for found in LABELLED.finditer(bundle)}
    return "".join(f"# {label}\n{by_label[label]}\n" for label in LABELS)


if __name__ == "__main__":
    FILE.write_text(text())
