// Reads a stream part by part, as the portal sends it: each part says how long it is.

const decoder = new TextDecoder("latin1");

// Yields { headers, bytes } for each part; headers have small names. Calls `progress` whenever bytes have come.
export async function* parts(body, progress) {
  const reader = body.getReader();
  let data = new Uint8Array(1 << 18);
  let begin = 0; // what is not yet read of it lies between these two
  let end = 0;

  async function more() {
    const { value, done } = await reader.read();
    if (done) throw new Error("the stream has ended");
    progress();
    if (end + value.length > data.length) {
      const needed = end - begin + value.length;
      const roomy = needed > data.length / 2 ? new Uint8Array(2 * needed) : data;
      roomy.set(data.subarray(begin, end));
      [data, begin, end] = [roomy, 0, end - begin];
    }
    data.set(value, end);
    end += value.length;
  }

  try {
    for (;;) {
      let headersEnd;
      while ((headersEnd = endOfHeaders(data, begin, end)) < 0) await more();
      const headers = Object.fromEntries(
        decoder.decode(data.subarray(begin, headersEnd)).split("\r\n").filter((line) => line.includes(":"))
          .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      const length = Number(headers["content-length"]);
      if (!Number.isInteger(length)) throw new Error("a part does not say its length");
      begin = headersEnd + 4;
      while (end - begin < length) await more();
      yield { headers, bytes: data.slice(begin, begin + length) };
      begin += length;
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed before
  }
}

function endOfHeaders(data, begin, end) {
  for (let i = data.indexOf(13, begin); i >= 0 && i + 3 < end; i = data.indexOf(13, i + 1)) {
    if (data[i + 1] === 10 && data[i + 2] === 13 && data[i + 3] === 10) return i;
  }
  return -1;
}
