"""Deploys a release to a Raspberry Pi, and restores the previous one if the cameras do not deliver frames with it.

On the developer's machine: deploy.py (the steps), target.py (ssh), bundle.py (the content of a release).
On the target, with the release's own packages: __main__.py (commands), planner.py and plan.py (what would change),
trial.py (try the new release), commit.py (install it), history.py (how to undo each rollout), uninstall.py (back to the
previous program, or remove everything). interrupts.py, settings_file.py, predecessor.py, apt_packages.py, login.py,
nginx.py, nginx_checks.py and system.py each do one thing.

Until every camera has delivered frames, the new release runs from units in /run only: after a reboot, or if the rollout
ends at any point, the old release serves.
"""
