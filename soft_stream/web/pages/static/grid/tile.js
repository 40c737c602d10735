// A pane of the grid that can stream by itself, and that counts only while it is on screen.

import { Pane } from "./pane.js";
import { setText, t } from "../shared/i18n.js";

export class Tile extends Pane {
  isOnScreen = false;
  isWoken = false; // the user has started this camera alone
  #name;
  #wake;

  constructor(root, client, onChange) {
    super(root, new URL(root.dataset.url, document.baseURI), client);
    this.#name = root.querySelector("h2");
    this.button = root.querySelector(".frame");
    root.querySelector(".screen").hidden = false;
    this.#wake = root.querySelector(".wake");
    this.#wake?.addEventListener("click", () => {
      this.isWoken = !this.isWoken;
      onChange();
    });
  }

  get name() {
    return this.#name.textContent.trim();
  }

  render() {
    super.render();
    const isAsleep = this.isIdle && !this.mayStream && !this.wantsSnapshots;
    this.root.classList.toggle("asleep", isAsleep);
    if (!this.#wake) return;
    this.#wake.hidden = !this.canStream || (this.mayStream && !this.isWoken);
    this.#wake.setAttribute("aria-pressed", String(this.isWoken));
    setText(this.#wake, t(isAsleep ? "grid.wake" : "state.streaming"));
  }
}
