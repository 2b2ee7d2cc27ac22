"""Hosting: endpoints in service, the models on them, and the containers that respond."""
