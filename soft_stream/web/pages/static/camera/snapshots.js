// Requests snapshots one after the other, where no stream gets through.

import { client, get } from "../shared/api.js";

// Milliseconds. The server has a deadline for a snapshot, and some more time for its transfer.
const INTERVAL = 500;
const DEADLINE = 8000;
const TRANSFER = 5000;

// Yield { bytes, capturedAt, zoom } for each snapshot until `end`, in milliseconds of performance.now().
export async function* snapshots(signal, end) {
  while (performance.now() < end) {
    const pause = new Promise((resolve) => setTimeout(resolve, INTERVAL));
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE + TRANSFER)]);
    const query = { size: "stream", focus: "never", deadline_ms: DEADLINE, client, t: Date.now() };
    const response = await get("snapshot.jpg", query, { signal: timeout });
    const { headers } = response;
    yield { bytes: await response.arrayBuffer(), capturedAt: headers.get("X-Monotonic"), zoom: headers.get("X-Zoom") };
    await pause;
    signal.throwIfAborted();
  }
}
