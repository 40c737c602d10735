// Reads frames of a stream, or a snapshot, with fetch, and writes each as a line of Base64.
// Usage: fetch_frames.mjs URL FRAMES [AUTHORIZATION]
const [url, frames, authorization] = process.argv.slice(2)
const answer = await fetch(url, authorization ? { headers: { authorization } } : {})
if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`)

if (answer.headers.get('content-type').startsWith('multipart/')) {
    let left = Number(frames)
    let bytes = Buffer.alloc(0)
    reading: for await (const chunk of answer.body) {
        bytes = Buffer.concat([bytes, chunk])
        for (;;) {
            const head = bytes.indexOf('\r\n\r\n')
            if (head < 0) break
            const length = Number(/^content-length: *(\d+)/im.exec(bytes.toString('latin1', 0, head))[1])
            const end = head + 4 + length
            if (bytes.length < end) break
            console.log(bytes.toString('base64', head + 4, end))
            bytes = bytes.subarray(end)
            if (--left === 0) break reading
        }
    }
} else {
    console.log(Buffer.from(await answer.arrayBuffer()).toString('base64'))
}
