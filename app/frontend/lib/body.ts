/**
 * Reads the body; null if it is larger than the limit. Never keeps more than the limit in memory.
 */
export async function readBody(request: Request, mostBytes: number) {
  if (Number(request.headers.get("content-length")) > mostBytes) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  // reads to the end in any case: a client that is still sending would not see the response
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    size += part.value.byteLength;
    if (size <= mostBytes) chunks.push(part.value);
  }
  return size <= mostBytes ? Buffer.concat(chunks) : null;
}
