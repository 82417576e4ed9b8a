const EXAMPLE = "http://backend:8000";

/** Where the API is, read at run time: one image serves every environment. */
export function backendUrl(): URL {
  const value = process.env.BACKEND_URL;
  if (!value) throw new Error(`BACKEND_URL: is not set; expected a URL like ${EXAMPLE}`);
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) {
    throw new Error(`BACKEND_URL: "${value}" is not a URL like ${EXAMPLE}`);
  }
  return new URL(value);
}
