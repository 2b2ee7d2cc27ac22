"""How the gateway becomes what Lambda runs. Never shipped itself."""
