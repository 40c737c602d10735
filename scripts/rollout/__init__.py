"""Deploys a release to a Raspberry Pi, and restores the previous one if the cameras do not deliver frames with it.

On the developer's machine: deploy.py (the steps), target.py (ssh), root_filesystem.py (whether the target keeps what
is written), bundle.py (the content of a release), lock.py and package_cache.py (its Python packages).
On the target, with the release's own packages: __main__.py (commands), planner.py and plan.py (what would change),
trial.py (try the new release), commit.py (install it), history.py (how to undo each rollout), uninstall.py (back to the
previous program, or remove everything). The Debian package, another source of releases: package.py (its commands),
package_report.py, first_boot.py, installed.py (which release runs). The settings: owners_settings.py (what is written),
settings_merge.py and settings_values.py (by value), settings_file.py (the text), camera_ids.py, site_names.py
(cam_hosts). nginx: nginx.py (our files), nginx_sites.py (takes over those of others, which
soft_stream/diagnostics/sites reads), nginx_checks.py, nginx_bridge.py (upgrades of releases whose nginx verified the
logins), login.py. The previous program: predecessor.py (its units and settings), names.py (the names of its units).
port_conflicts.py finds other programs on our ports. apt_packages.py, interrupts.py and system.py help the others;
port_flags.py serves both sides.

Until every camera has delivered frames, the new release runs from units in /run only: after a reboot, or if the rollout
ends at any point, the old release serves.
"""
