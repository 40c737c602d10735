// Lends the camera to another program: asks for how long, and shows over the picture who has it and until when.

import { attempt } from "./attempt.js";
import { element } from "./dom.js";
import { client, post } from "../shared/api.js";
import { describeBorrower } from "../shared/borrower.js";
import { load, save } from "../shared/storage.js";
import { setText, t } from "../shared/i18n.js";

const DURATIONS = [60, 300, 900]; // seconds
const lendButton = document.getElementById("lend"); // missing if the user may only view
const key = `lent ${location.pathname}`; // the name of the page of this browser that has lent the camera last

const isOwn = ({ kind, name }) => kind === "page" && [client, load(key)].includes(name);

// Ask for how long, then lend the camera, and answer beside the button.
export function askDuration(status) {
  const { pause_max } = status.facts;
  const choices = DURATIONS.filter((seconds) => seconds <= pause_max);
  const focusButton = () => lendButton.focus({ preventScroll: true }); // disabled while the dialog was opened
  const button = (text, action) => {
    const created = element("button", { type: "button" }, text);
    created.addEventListener("click", () => {
      dialog.close();
      focusButton();
      action();
    });
    return created;
  };
  const lend = (seconds) => () => attempt(() => lendFor(seconds, status), lendButton);
  const dialog = element(
    "dialog",
    { id: "lend-dialog", "aria-labelledby": "lend-title" },
    element("h2", { id: "lend-title" }, t("lend.title")),
    element("p", {}, t("lend.effect")),
    element(
      "div",
      { id: "lend-durations", role: "group", "aria-labelledby": "lend-title" },
      ...(choices.length ? choices : [pause_max]).map((seconds) => button(durationOf(seconds), lend(seconds))),
    ),
    element("p", { className: "hint" }, t("lend.not_for_viewers")),
    element(
      "div",
      { className: "hint" },
      button(t("share.title"), () => document.getElementById("share").click()),
      button(t("lend.cancel"), () => {}),
    ),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement === document.body) focusButton();
  });
  document.body.append(dialog);
  dialog.showModal();
}

async function lendFor(seconds, status) {
  save(key, client);
  await post("pause", { seconds });
  await status.refresh();
  return t("lend.done");
}

// End the pause that the page shows. A pause file ends only when its program removes it, which the server says.
export async function takeBack({ facts: { pause } }) {
  await post("resume", { client: pause.name });
}

const durationOf = (seconds) => (seconds % 60 ? t("seconds", { n: seconds }) : t("minutes", { n: seconds / 60 }));

// The lines over the picture: the borrower, the time that is left, and the button that takes the camera back.
export class Lent {
  #status;
  #borrower = element("p", { className: "headline" });
  #left = element("p", { role: "timer" });
  #back = element("button", { id: "take-back", type: "button" });

  constructor(status) {
    this.#status = status;
    this.#back.textContent = t("lend.back");
    this.#back.addEventListener("click", () => {
      attempt(() => takeBack(status), this.#back).then(() => status.refresh());
    });
    const lines = element("div", { className: "lent" }, this.#borrower, this.#left, this.#back);
    document.getElementById("overlay").prepend(lines);
  }

  update() {
    const { now, monotonic, pause } = this.#status.facts;
    const left = Math.max(0, Math.ceil(pause.until - now - (this.#status.clock.since(monotonic) || 0)));
    setText(this.#borrower, describeBorrower(pause, isOwn(pause)));
    setText(this.#left, t("lend.left", { time: countdown(left) }));
    this.#back.hidden = !lendButton || pause.kind === "file";
  }
}

// Format seconds as 4:05 or 1:04:05.
function countdown(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return [...(hours ? [hours, two(minutes)] : [minutes]), two(seconds % 60)].join(":");
}
