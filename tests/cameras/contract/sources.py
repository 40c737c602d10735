"""The source of each driver, for the tests of the contract; every value of the setting `source` has one."""

SOURCES: dict[str, str] = {
    "picamera": "tests.support.sources.picamera:new_source",
    "test-pattern": "tests.support.sources.synthetic:new_source",
    "folder": "tests.support.sources.folder:new_source",
    "http": "tests.support.sources.http:new_source",
    "v4l2": "tests.support.sources.v4l2:new_source",
    "media": "tests.support.sources.media:new_source",
    "gphoto": "tests.support.sources.gphoto:new_source",
}
