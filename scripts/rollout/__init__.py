"""Brings a release to a Raspberry Pi, and takes it back when the cameras do not serve with it.

On the developer's machine: deploy.py (the story), target.py (ssh), bundle.py (what is brought along).
On the target, with the release's own packages: __main__.py (commands), plan.py (what would change), trial.py (the new
release on probation), commit.py (for good), history.py (the ways back), leave.py (back to the older portal, uninstall);
settings_file.py, ancestor.py, needs.py, login.py, nginx.py, front.py and system.py do one thing each.

Until every camera has delivered frames, all of the new release that counts lies in /run: a reboot, or the end of the
rollout at any point, leaves the old one.
"""
