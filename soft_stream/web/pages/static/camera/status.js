// Polls status.json while the page is visible, and estimates the server's clock.

import { client, getJson } from "../shared/api.js";

const INTERVAL = 1000;

export class Status extends EventTarget {
  facts = null; // the newest status.json; null until the first answer
  isReachable = true;
  #running = null;
  #offset = null; // seconds that the server's clock is ahead of ours
  #lastRequest = 0; // number of the newest request, and of the newest one with an answer
  #lastAnswer = 0;

  start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#poll(this.#running.signal);
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
  }

  // Ask the server now.
  async refresh() {
    const began = Date.now();
    const number = (this.#lastRequest += 1);
    const facts = await getJson("status.json").catch(() => null);
    if (number < this.#lastAnswer) return; // a newer request was answered first
    this.#lastAnswer = number;
    this.isReachable = facts !== null;
    if (facts) {
      this.facts = facts;
      this.#offset = facts.now - (began + Date.now()) / 2000;
    }
    this.dispatchEvent(new Event("change"));
  }

  // Return Unix seconds of the server's clock; -Infinity if unknown.
  serverTime() {
    return this.#offset === null ? -Infinity : Date.now() / 1000 + this.#offset;
  }

  // Seconds between the frames that this page gets; 0 if unknown.
  get interval() {
    const rates = [this.facts?.negotiated?.fps, this.facts?.captured_fps, this.#own?.fps_max].filter(Boolean);
    return rates.length ? 1 / Math.min(...rates) : 0;
  }

  // Whether the camera delivers frames.
  get isStreaming() {
    return this.isReachable && !this.facts?.fault && ["focusing", "streaming"].includes(this.facts?.state);
  }

  // Whether the server has received this page's request for frames.
  get isClient() {
    return this.isReachable && this.#own !== undefined;
  }

  get #own() {
    return this.facts?.clients.find((each) => each.client === client);
  }

  async #poll(signal) {
    while (!signal.aborted) {
      await this.refresh();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }
}
