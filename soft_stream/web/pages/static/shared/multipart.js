// Reads a multipart stream part by part. Each part must have a Content-Length, as those of the server have.

const decoder = new TextDecoder("latin1");

// Yield { headers, bytes } for each part, with lower-case header names. Whenever bytes arrive, call `onData` with their
// number, and with the headers of the part that they belong to, if these are known already.
export async function* parts(body, onData) {
  const reader = body.getReader();
  let data = new Uint8Array(1 << 18);
  let begin = 0; // the bytes from begin to end are not parsed yet
  let end = 0;

  async function readMore(headers = null) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the stream has ended");
    onData(value.length, headers);
    if (end + value.length > data.length) {
      const needed = end - begin + value.length;
      const larger = needed > data.length / 2 ? new Uint8Array(2 * needed) : data;
      larger.set(data.subarray(begin, end));
      [data, begin, end] = [larger, 0, end - begin];
    }
    data.set(value, end);
    end += value.length;
  }

  try {
    for (;;) {
      let headersEnd;
      while ((headersEnd = findHeadersEnd(data, begin, end)) < 0) await readMore();
      const headers = Object.fromEntries(
        decoder.decode(data.subarray(begin, headersEnd)).split("\r\n").filter((line) => line.includes(":"))
          .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      const length = Number(headers["content-length"]);
      if (!Number.isInteger(length)) throw new Error("a part has no Content-Length");
      begin = headersEnd + 4;
      while (end - begin < length) await readMore(headers);
      yield { headers, bytes: data.slice(begin, begin + length) };
      begin += length;
    }
  } finally {
    reader.cancel().catch(() => {}); // the stream may have failed already
  }
}

function findHeadersEnd(data, begin, end) {
  for (let i = data.indexOf(13, begin); i >= 0 && i + 3 < end; i = data.indexOf(13, i + 1)) {
    if (data[i + 1] === 10 && data[i + 2] === 13 && data[i + 3] === 10) return i;
  }
  return -1;
}
