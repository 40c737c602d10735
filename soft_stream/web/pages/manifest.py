"""The web app manifests: with them a browser installs a page as an app.

https://www.w3.org/TR/appmanifest/. All addresses are relative to the manifest, so they are right below any path prefix.
"""

from aiohttp import web

from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.pages.i18n import MESSAGES, language_of
from soft_stream.web.request import SUPERVISOR

TYPE = "application/manifest+json"
# The window before the page is loaded; `--ground` of style.css.
GROUND = "#101316"
# The file in static/icons, its width and height, and its purpose.
ICONS = (("app-192", 192, "any"), ("app-512", 512, "any"), ("maskable", 512, "maskable"))


async def of_camera(request: web.Request) -> web.Response:
    """Return the manifest of the page of this camera."""
    return _manifest(request.app[SUPERVISOR].settings.title, language_of(request), "./")


async def of_all_cameras(request: web.Request) -> web.Response:
    """Return the manifest of the page of all cameras."""
    language = language_of(request)
    return _manifest(MESSAGES[language]["cameras.all"], language, "cameras")


def _manifest(name: str, language: str, start: str) -> web.Response:
    manifest = {
        "name": name,
        "lang": language,
        "start_url": start,
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": [
            {"src": f"static/icons/{file}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for file, size, purpose in ICONS
        ],
    }
    return web.json_response(manifest, content_type=TYPE, headers=NO_STORE)
