"""Hosting: endpoints and inference components, their models, and the containers that respond."""
