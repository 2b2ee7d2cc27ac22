"""Lines of the gateway's log about requests, made up for tests of what reads them."""

import json


def line(**members):
    """Return a line as the gateway writes it."""
    written = {
        "level": "INFO",
        "location": "request:160",
        "message": "request",
        "timestamp": "2026-05-04 10:00:00,123+0000",
        "service": "inference-gateway-dev",
        "request_id": "1f1c0e4e",
        "model": "churn",
        "kind": "mme",
        "target_name": "v8",
        "first_target": members.get("target_name", "v8"),
        "chosen": "weight",
        "fallbacks": 0,
        "status": 200,
        "model_ms": 12.3,
        "attempts": 1,
        **members,
    }
    kept = {name: value for name, value in written.items() if value is not None}
    return json.dumps(kept)
