// Follows status.json while the page is seen, and keeps the server's time.

import { client, getJson } from "../shared/api.js";

const INTERVAL = 1000;

export class Status extends EventTarget {
  facts = null; // as status.json has them; null until the first answer
  isReachable = true;
  #running = null;
  #offset = null; // seconds that the server's clock is ahead of ours
  #asked = 0; // how often the server was asked, and which of these times it has answered
  #answered = 0;

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
    const began = Date.now();
    const number = (this.#asked += 1);
    const facts = await getJson("status.json").catch(() => null);
    if (number < this.#answered) return; // what holds now was told meanwhile
    this.#answered = number;
    this.isReachable = facts !== null;
    if (facts) {
      this.facts = facts;
      this.#offset = facts.now - (began + Date.now()) / 2000;
    }
    this.dispatchEvent(new Event("change"));
  }

  // Unix seconds by the server's clock; -Infinity while that is not known.
  serverTime() {
    return this.#offset === null ? -Infinity : Date.now() / 1000 + this.#offset;
  }

  // Seconds from one frame to the next that this page gets, as far as is known.
  get interval() {
    const rates = [this.facts?.negotiated?.fps, this.facts?.captured_fps, this.#own?.fps_max].filter(Boolean);
    return rates.length ? 1 / Math.min(...rates) : 0;
  }

  // Whether the camera gives frames, as far as is known.
  get flows() {
    return this.isReachable && !this.facts?.fault && ["focusing", "streaming"].includes(this.facts?.state);
  }

  // Whether a request of this page for pictures has come through to the server.
  get knowsUs() {
    return this.isReachable && this.#own !== undefined;
  }

  get #own() {
    return this.facts?.clients.find((each) => each.client === client);
  }

  async #follow(signal) {
    while (!signal.aborted) {
      await this.ask();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }
}
