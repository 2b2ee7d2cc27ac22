"""The commands that make the deployment package and its template; each module is a command."""
