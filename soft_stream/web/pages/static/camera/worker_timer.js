// A worker that posts a message every 500 ms: browsers slow down the timers of a page in the background.

setInterval(() => postMessage(null), 500);
