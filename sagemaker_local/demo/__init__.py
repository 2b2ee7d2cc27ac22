"""The demo endpoints: small trained models on every kind of endpoint that SageMaker offers."""
