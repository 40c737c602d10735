// A worker that ticks evenly also for a page in the background, whose own timers browsers slow down.

setInterval(() => postMessage(null), 500);
