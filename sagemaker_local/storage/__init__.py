"""`--data DIR`: what was created is kept in a folder, and is there again after a restart.

`folder` reads and writes the files, whatever is in them. `buckets` and
`secret_values` translate what moto holds in memory, and `hosting` the models and endpoints.
`keeper` puts everything back at the start, and then saves what has changed.
"""
