"""Touching models ahead of traffic, so that the first caller finds them loaded.

selection ─► round ─► touch ─► call ─► SageMaker
                  └─► outcome ─► summary
"""
