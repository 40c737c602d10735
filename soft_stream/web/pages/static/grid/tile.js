// A pane of the grid: it can be woken, and is of no concern while nobody can see it.

import { Pane } from "./pane.js";
import { say, t } from "../shared/i18n.js";

export class Tile extends Pane {
  isOnScreen = false;
  isWoken = false; // somebody wants it live, whatever the others are
  #link;
  #wake;

  constructor(root, client, changed) {
    const link = root.querySelector("a");
    super(root, link.href, client);
    this.#link = link;
    this.button = root.querySelector(".frame");
    root.querySelector(".screen").hidden = false;
    this.#wake = root.querySelector(".wake");
    this.#wake.addEventListener("click", () => {
      this.isWoken = !this.isWoken;
      changed();
    });
  }

  get name() {
    return this.#link.textContent;
  }

  tell() {
    super.tell();
    const sleeps = this.sleeps && !this.mayStream;
    this.root.classList.toggle("asleep", sleeps);
    this.#wake.hidden = !this.canStream || (this.mayStream && !this.isWoken);
    this.#wake.setAttribute("aria-pressed", String(this.isWoken));
    const label = t(sleeps ? "grid.wake" : "state.streaming");
    say(this.#wake, label);
  }
}
