"""Model servers: real processes that speak SageMaker's container contract over HTTP.

    __main__ ─► server ─► application ─► loaded_models ─► frameworks ─► sklearn_models
                                                                   └──► lightgbm_models

What a loaded model does with one request reads straight down in `tabular`: Accept and
Content-Type (`media_types`), body to rows (`text_rows`, `binary_rows`), rows to predictions.

Everything left of a framework's own module is light, so that a container which loads its
models on demand answers within a fraction of a second.
"""
