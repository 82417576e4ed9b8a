/** The body, or null when it is larger than that; no more of it than that is ever kept. */
export async function readBody(request: Request, mostBytes: number) {
  if (Number(request.headers.get("content-length")) > mostBytes) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  // read to its end in any case: whoever is still sending would not see the answer
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    size += part.value.byteLength;
    if (size <= mostBytes) chunks.push(part.value);
  }
  return size <= mostBytes ? Buffer.concat(chunks) : null;
}
