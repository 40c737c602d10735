// What to paste into other programs so that they show this camera.

import { make } from "./dom.js";
import { t } from "../shared/i18n.js";

// The size of a stream of which nobody knows it, and what is wide enough to detect something in it; pixels.
const USUAL = { width: 1280, height: 720 };
const WIDE_ENOUGH = 1280;

export default class Share {
  constructor(details, status) {
    const name = document.getElementById("view").dataset.name;
    const programs = Object.entries(pasted(name, status.facts?.frame ?? USUAL)).map(([program, lines]) =>
      make("details", {}, make("summary", {}, program), ...lines.map(itemOf)));
    details.append(make("p", {}, t("share.intro")), ...links().map(itemOf), ...programs);
  }
}

// The whole URL of something that is beside this page, without a login that it may have been opened with.
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

// For each program pairs of its own word for a field, or for a place, and what belongs there; docs/clients/ has more.
function pasted(title, { width, height }) {
  const detected = Math.min(width, WIDE_ENOUGH);
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

// Two numbers without what divides both of them.
function ratio(width, height) {
  let [divisor, rest] = [width, height];
  while (rest) [divisor, rest] = [rest, divisor % rest];
  return `${width / divisor}:${height / divisor}`;
}

function itemOf([what, text]) {
  const code = make("code", {}, text);
  const said = make("span", { role: "status" });
  const button = make("button", { type: "button", "aria-label": t("share.copy.title", { what }) }, t("share.copy"));
  button.onclick = async () => (said.textContent = t((await copy(code)) ? "share.copied" : "share.selected"));
  return make("div", { className: "item" }, make("b", {}, what), said, button, make("pre", {}, code));
}

// The text stays selected where the browser does not let scripts copy: pages on plain http have no clipboard.
async function copy(element) {
  getSelection().selectAllChildren(element);
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
