"""Putting a routing table into S3, where running gateways find it.

command ─► location      which object it is to be
        ─► publication   what is there and what would be: refused, nothing to do, or put there
             ├─► store        S3: replaced only while it is what was read
             ├─► difference   what changes, key by key ─► wording
             └─► onlooker     a gateway of our own that sees the table change
        ─► listing       earlier versions
"""
