"""Lines of the gateway's logs, made up for tests of what reads them."""

import json

STAGE_WITH_JOBS = {
    "lambda_functions": {
        "authorize": {"iam_policy_file": "policy-dev-authorize.json"},
        "work": {"iam_policy_file": "policy-dev-work.json", "lambda_timeout": 900},
    },
    "environment_variables": {
        "GATEWAY_JOBS": "s3://jobs/dev",
        "GATEWAY_JOBS_QUEUE": "jobs-queue",
    },
}
"""A stage of .chalice/config.json."""


def line(**members):
    """Return the line of a request as the gateway writes it."""
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


def credential_line(**members):
    """Return the line of the authorizer about a credential."""
    written = {
        "level": "INFO",
        "message": "credential",
        "timestamp": "2026-05-04 10:00:00,050+0000",
        "service": "inference-gateway-dev",
        "outcome": "ok",
        "grants": 1,
        **members,
    }
    return json.dumps(written)


def access_line(**members):
    """Return API Gateway's line of a request, in which every value is a text."""
    written = {
        "time": "1777888800020",
        "method": "POST",
        "resource": "/predict/{model}",
        "status": "200",
        "ms": "35",
        "integration_ms": "30",
        "source_ip": "203.0.113.7",
        "refused_as": "-",
        **members,
    }
    return json.dumps(written)
