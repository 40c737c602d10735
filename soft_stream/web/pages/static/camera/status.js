// Polls status.json while the page is visible.

import { client, getJson, translate } from "../shared/api.js";
import { ServerClock } from "../shared/server_clock.js";

const INTERVAL = 1000;

// Put the sentences of the server into the language of the page.
async function translateFacts(facts) {
  const { notices = [], notice_messages: messages = [] } = facts;
  facts.fault = await translate(facts.fault, facts.fault_message);
  facts.notices = await Promise.all(notices.map((each, i) => translate(each, messages[i])));
}

export class Status extends EventTarget {
  facts = null; // the newest status.json; null until the first answer
  isReachable = true;
  refusal = ""; // the sentence of the server, if the user may no longer see this camera
  clock = new ServerClock();
  #running = null;
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
  async refresh(timeout = undefined) {
    const requestedAt = Date.now();
    const number = (this.#lastRequest += 1);
    let refusal = "";
    const facts = await getJson("status.json", {}, timeout).catch((error) => {
      if (error.status === 403) refusal = error.message;
      return null;
    });
    if (facts) {
      this.clock.onAnswer(facts.monotonic, requestedAt);
      await translateFacts(facts);
    }
    if (number < this.#lastAnswer) return; // a newer request was answered first
    this.#lastAnswer = number;
    [this.isReachable, this.refusal] = [facts !== null, refusal];
    if (facts) this.facts = facts;
    this.dispatchEvent(new Event("change"));
  }

  // Seconds between the frames that this page gets; 0 if unknown.
  get interval() {
    const rates = [this.facts?.negotiated?.fps, this.facts?.captured_fps, this.#own?.fps_max].filter(Boolean);
    return rates.length ? 1 / Math.min(...rates) : 0;
  }

  // Frames per second that this page can expect; 0 if unknown.
  get expectedFps() {
    const rates = [this.facts?.negotiated?.fps, this.#own?.fps_max].filter(Boolean);
    return rates.length ? Math.min(...rates) : 0;
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
