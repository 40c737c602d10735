// Follows status.json while the page is seen, and keeps the server's time.

import { client, getJson } from "./server.js";

const INTERVAL = 1000;

export class Status extends EventTarget {
  facts = null; // as status.json has them; null until the first answer
  isReachable = true;
  #running = null;
  #offset = null; // seconds that the server's clock is ahead of ours

  start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#follow(this.#running.signal);
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
  }

  // Ask now: something was changed.
  async ask() {
    const asked = Date.now();
    try {
      this.facts = await getJson("status.json");
      this.isReachable = true;
      this.#offset = this.facts.now - (asked + Date.now()) / 2000;
    } catch {
      this.isReachable = false;
    }
    this.dispatchEvent(new Event("change"));
  }

  serverTime() {
    return Date.now() / 1000 + (this.#offset ?? 0);
  }

  // Whether the camera gives frames, as far as is known.
  get flows() {
    return this.isReachable && !this.facts?.fault && ["focusing", "streaming"].includes(this.facts?.state);
  }

  // What the server knows of the stream of this page.
  get own() {
    return this.facts?.clients.find((each) => each.client === client && each.sent > 0);
  }

  async #follow(signal) {
    while (!signal.aborted) {
      await this.ask();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }
}
