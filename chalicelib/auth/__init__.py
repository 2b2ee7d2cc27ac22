"""Who is calling, and which models they may call: API keys, JSON Web Tokens, and grants."""
