"""Sites of other programs that forward requests to the cameras, and the names under which clients request them.

`site.py` says what a site is, `search.py` finds all of them. nginx: `nginx_syntax.py` and `nginx_servers.py` read its
files, `nginx_names.py` has the names. haproxy: `haproxy_syntax.py`, `haproxy_hosts.py` (names in conditions and maps),
`haproxy_names.py`. Of Caddy, Apache and others `other_programs.py` finds only that they forward. The doctor and the
rollout use this package.
"""
