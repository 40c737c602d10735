// The share panel: URLs and configuration for other programs that show this camera.

import { element } from "./dom.js";
import { t } from "../shared/i18n.js";

// Pixels: the size of the stream while it is unknown, and the width that is enough for object detection.
const DEFAULT_SIZE = { width: 1280, height: 720 };
const DETECTION_WIDTH = 1280;

export default class SharePanel {
  #section;
  #status;
  #size = ""; // of the frames that the configurations are for
  #programs = element("div");

  constructor(section, status) {
    [this.#section, this.#status] = [section, status];
    section.append(element("p", {}, t("share.intro")), ...links().map(createItem), this.#programs);
    status.addEventListener("change", () => this.update());
  }

  // Write the configurations, if the panel is visible and the frames have another size than before.
  update() {
    const { width, height } = this.#status.facts?.frame ?? DEFAULT_SIZE;
    if (this.#section.hidden || this.#size === `${width}x${height}`) return;
    this.#size = `${width}x${height}`;
    const name = document.getElementById("view").dataset.name;
    const opened = [...this.#programs.querySelectorAll("[open] > summary")].map((summary) => summary.textContent);
    const programs = Object.entries(configurations(name, { width, height })).map(([program, lines]) => {
      const items = lines.map(createItem);
      return element("details", { open: opened.includes(program) }, element("summary", {}, program), ...items);
    });
    this.#programs.replaceChildren(...programs);
  }
}

// Return an absolute URL, without user and password: the URL of the page may have them.
function url(path) {
  return Object.assign(new URL(path, location), { username: "", password: "" }).href;
}

function links() {
  return [
    [t("share.stream"), url("stream.mjpg")],
    [t("share.snapshot"), url("snapshot.jpg?size=stream")],
    [t("share.page"), url("./")],
  ];
}

// Return for each program pairs of a field or file, by the program's own name, and the text for it. See docs/clients/.
function configurations(title, { width, height }) {
  const detected = Math.min(width, DETECTION_WIDTH);
  const plain = title.normalize("NFD").toLowerCase().replace(/\p{M}/gu, "");
  const name = (plain.match(/[a-z0-9]+/g) ?? ["camera"]).join("_");
  const [stream, still] = [url("stream.mjpg"), url("snapshot.jpg?size=stream&deadline_ms=1800")];
  const go2rtc = `streams:
  ${name}_mjpeg: ${url("stream.mjpg?fps=10")}
  ${name}: ffmpeg:${name}_mjpeg#video=h264`;
  return {
    OctoPrint: [["Stream URL", stream], ["Snapshot URL", url("snapshot.jpg?size=stream&deadline_ms=4500")]],
    "Mainsail, Fluidd": [["URL Stream", stream], ["URL Snapshot", still], ["Service", "UV4L-MJPEG"]],
    Moonraker: [["moonraker.conf", `[webcam ${name}]
service: uv4l-mjpeg
stream_url: ${stream}
snapshot_url: ${still}
aspect_ratio: ${ratio(width, height)}`]],
    "Home Assistant": [
      ["MJPEG IP Camera: MJPEG URL", url("stream.mjpg?fps=10")],
      ["Still Image URL", url("snapshot.jpg?size=stream&deadline_ms=8000")],
      [t("share.card"), `type: picture-entity\nentity: camera.${name}\ncamera_view: live`],
    ],
    "VLC, ffmpeg": [
      ["VLC", `vlc --network-caching=300 ${stream}`],
      ["ffplay", `ffplay -f mpjpeg -fflags nobuffer -flags low_delay -framedrop "${stream}"`],
      [t("share.record"),
        `ffmpeg -f mpjpeg -use_wallclock_as_timestamps 1 -i "${url("stream.mjpg?fps=10")}" -c copy ${name}.mkv`],
    ],
    go2rtc: [["go2rtc.yaml", go2rtc]],
    Frigate: [["config.yml", `go2rtc:
  ${go2rtc.replace("?fps=10", `?width=${detected}&fps=10`).replaceAll("\n", "\n  ")}
cameras:
  ${name}:
    ffmpeg:
      inputs:
        - path: rtsp://127.0.0.1:8554/${name}
          input_args: preset-rtsp-restream
          roles: [detect, record]
    detect:
      width: ${detected}
      height: ${Math.round((height * detected) / width)}
      fps: 5`]],
  };
}

// Return a ratio in lowest terms.
function ratio(width, height) {
  let [divisor, rest] = [width, height];
  while (rest) [divisor, rest] = [rest, divisor % rest];
  return `${width / divisor}:${height / divisor}`;
}

function createItem([what, text]) {
  const code = element("code", {}, text);
  const result = element("span", { role: "status" });
  const button = element("button", { type: "button", "aria-label": t("share.copy.title", { what }) }, t("share.copy"));
  button.onclick = async () => (result.textContent = t((await copy(code)) ? "share.copied" : "share.selected"));
  return element("div", { className: "item" }, element("b", {}, what), result, button, element("pre", {}, code));
}

// Return whether the text was copied. It stays selected if not: a page on plain HTTP has no clipboard.
async function copy(code) {
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
